package testgroup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// recorder takes down what NotRun does to a test.
type recorder struct {
	testing.TB
	fatal, skipped string
}

func (r *recorder) Helper()           {}
func (r *recorder) Fatal(args ...any) { r.fatal = args[0].(string); panic(r) }
func (r *recorder) Skip(args ...any)  { r.skipped = args[0].(string); panic(r) }

func notRun(reason string) (r *recorder) {
	r = &recorder{}
	defer func() { _ = recover() }()
	NotRun(r, "postgres", errors.New(reason))
	return r
}

func TestNotRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	t.Setenv(EnvReport, path)
	t.Setenv("CI", "")
	r := notRun("none\nhere")
	raw, err := os.ReadFile(path)
	if err != nil || string(raw) != "not run: postgres: none; here\n" || r.skipped != "postgres: none; here" || r.fatal != "" {
		t.Errorf("%q, %v, %+v", raw, err, r)
	}
	t.Setenv("CI", "true")
	r = notRun("none")
	if r.fatal != "postgres: none" || r.skipped != "" {
		t.Errorf("in CI: %+v", r)
	}
}
