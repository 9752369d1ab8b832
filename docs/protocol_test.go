package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var namedTest = regexp.MustCompile("`([a-z/]+)\\.(Test\\w+)`")

// TestProtocol: the table of rules names tests that there are, and every seeded bug.
func TestProtocol(t *testing.T) {
	raw, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	named := namedTest.FindAllStringSubmatch(string(raw), -1)
	if len(named) < 40 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, match := range named {
		if !hasTest(t, filepath.Join("..", match[1]), match[2]) {
			t.Errorf("%s: there is no %s", match[1], match[2])
		}
	}
	everyBugIsNamed(t, string(raw))
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}

// everyBugIsNamed in the last column of a table, and nothing else is.
func everyBugIsNamed(t *testing.T, text string) {
	t.Helper()
	named := map[string]bool{}
	for line := range strings.Lines(text) {
		columns := strings.Split(strings.TrimSpace(line), "|")
		if len(columns) != 6 || !strings.Contains(columns[3], "`") {
			continue
		}
		for _, name := range strings.Split(columns[4], ",") {
			if name = strings.TrimSpace(name); name != "" {
				named[name] = true
			}
		}
	}
	files, err := filepath.Glob("../internal/seeded/testdata/*.bug")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".bug")
		if !named[name] {
			t.Errorf("the seeded bug %s is under no rule", name)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("there is no seeded bug %s", name)
	}
}
