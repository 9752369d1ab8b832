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

var bugsTest = regexp.MustCompile(`(?m)^package: \./(\S+)\ntest: \^(Test\w+)\$`)

// everyBugIsNamed in the last column of a table, beside the test that must catch it, and nothing else is; every rule has one.
func everyBugIsNamed(t *testing.T, text string) {
	t.Helper()
	named := map[string]string{} // the tests beside it
	for line := range strings.Lines(text) {
		columns := strings.Split(strings.TrimSpace(line), "|")
		if len(columns) != 6 || !strings.Contains(columns[3], "`") {
			continue
		}
		if strings.TrimSpace(columns[4]) == "" {
			t.Errorf("no seeded bug breaks the rule %s", columns[2])
		}
		for _, name := range strings.Split(columns[4], ",") {
			if name = strings.TrimSpace(name); name != "" {
				named[name] = columns[3]
			}
		}
	}
	files, err := filepath.Glob("../internal/seeded/testdata/*.bug")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".bug")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests, ok := named[name]
		if !ok {
			t.Errorf("the seeded bug %s is under no rule", name)
		}
		if by := bugsTest.FindStringSubmatch(string(raw)); by == nil || !strings.Contains(tests, "`"+by[1]+"."+by[2]+"`") {
			t.Errorf("the seeded bug %s is not beside the test that must catch it: %v", name, by)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("there is no seeded bug %s", name)
	}
}
