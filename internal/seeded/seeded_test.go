package seeded

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// atLeast is how many bugs there are to be, and patience what one may take on a machine that does much else.
const (
	atLeast  = 30
	patience = 5 * time.Minute
)

func root(t *testing.T) string {
	t.Helper()
	at, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func bugs(t *testing.T) []Bug {
	t.Helper()
	files, err := filepath.Glob("testdata/*.bug")
	if err != nil {
		t.Fatal(err)
	}
	var all []Bug
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse(strings.TrimSuffix(filepath.Base(file), ".bug"), string(raw))
		if err != nil {
			t.Error(err)
			continue
		}
		all = append(all, b)
	}
	if len(all) < atLeast {
		t.Errorf("%d bugs: there were at least %d", len(all), atLeast)
	}
	return all
}

func TestEverySeededBugFitsItsFile(t *testing.T) {
	for _, b := range bugs(t) {
		if _, err := b.Mutated(root(t)); err != nil {
			t.Error(err)
		}
	}
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	const whole = "rule: 1\nfile: f\npackage: ./p\ntest: ^T$\n--- old\na\n--- new\nb\n"
	if b, err := Parse("x", whole); err != nil || b != (Bug{"x", "1", "f", "a", "b", "./p", "^T$"}) {
		t.Errorf("%+v, %v", b, err)
	}
	for want, text := range map[string]string{
		"rule is missing":   strings.Replace(whole, "rule: 1\n", "", 1),
		"no such field":     "colour: red\n" + whole,
		"no old and new":    strings.Replace(whole, "--- new\n", "", 1),
		"it changes nothin": strings.Replace(whole, "\nb\n", "\na\n", 1),
	} {
		if _, err := Parse("x", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want: %s", err, want)
		}
	}
}

// TestEverySeededBugIsCaught builds every bug and runs its test, two at a time: each must fail, as a test.
func TestEverySeededBugIsCaught(t *testing.T) {
	slots := make(chan struct{}, 2)
	for _, b := range bugs(t) {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			overlay, err := b.Overlay(root(t), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			out, err := run(t, b, overlay)
			t.Logf("%s %s: %v", b.Package, b.Test, time.Since(began).Round(time.Millisecond))
			switch {
			case err == nil:
				t.Errorf("not caught: the test passes\n%s", out)
			case !failed(out, b.Test):
				t.Errorf("the test did not fail, something else did: %v\n%s", err, out)
			}
		})
	}
}

// failed says whether it is the named test that failed, and by what it found: not by a limit of time.
func failed(out, test string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(test, "^"), "$")
	return strings.Contains("\n"+out, "\n--- FAIL: "+name+" ") && !strings.Contains(out, "panic: test timed out")
}

// run is go test with the bug.
func run(t *testing.T, b Bug, overlay string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-ldflags=-w", "-count=1", "-timeout=3m", "-overlay="+overlay, "-run="+b.Test, b.Package)
	cmd.Dir = root(t)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}
