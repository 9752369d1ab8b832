// Package testgroup is how a group of tests says that this machine cannot run it: `go test` shows neither skipped
// tests nor their reasons where the rest passes.
package testgroup

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// EnvReport names the file to which one line is added for each group that does not run; tools/test sets it and shows
// the lines at its end.
const EnvReport = "CELLWAY_TEST_REPORT"

// NotRun skips the test, for the whole group's reason, and reports the group. Where CI=true it fails the test instead:
// there, everything has to run.
func NotRun(tb testing.TB, group string, reason error) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatal(sentence(group, reason))
	}
	NotHere(tb, group, reason)
}

// NotHere skips the test and reports the group, in CI too: for what a machine may rightly be without.
func NotHere(tb testing.TB, group string, reason error) {
	tb.Helper()
	line := sentence(group, reason)
	if err := report(os.Getenv(EnvReport), line); err != nil {
		tb.Fatal(err)
	}
	tb.Skip(line)
}

func report(path, line string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("report a group that does not run: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString("not run: " + line + "\n"); err != nil {
		return fmt.Errorf("report a group that does not run: %w", err)
	}
	return nil
}

func sentence(group string, reason error) string {
	return group + ": " + strings.ReplaceAll(reason.Error(), "\n", "; ")
}
