package localserver

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fakePostgres makes a directory with programs that know nothing but their version.
func fakePostgres(t *testing.T, major int) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + strconv.Itoa(major) + ".3 (Debian)'\n"
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestChoosePostgres(t *testing.T) {
	old, fifteen, seventeen := fakePostgres(t, 14), fakePostgres(t, 15), fakePostgres(t, 17)
	empty := t.TempDir()
	for name, c := range map[string]struct {
		dirs  []string
		major int
		want  string
	}{
		"the newest":                       {[]string{fifteen, seventeen, old}, 0, seventeen},
		"the one that made the data":       {[]string{fifteen, seventeen}, 15, fifteen},
		"none that is too old":             {[]string{old, empty}, 0, ""},
		"none of another version for data": {[]string{seventeen}, 15, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := choosePostgres(c.dirs, c.major)
			if c.want == "" {
				if !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "install") {
					t.Errorf("err = %v", err)
				}
				return
			}
			if err != nil || got.Dir != c.want {
				t.Errorf("got %v, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestFindPostgresTakesWhatTheEnvironmentNames(t *testing.T) {
	dir := fakePostgres(t, 14)
	t.Setenv(EnvPostgresBin, dir)
	got, err := FindPostgres("", 0)
	if err != nil || got.Dir != dir || got.Major != 14 {
		t.Errorf("got %v, %v", got, err)
	}
	t.Setenv(EnvPostgresBin, t.TempDir())
	if _, err := FindPostgres("", 0); !errors.Is(err, ErrNoPostgres) {
		t.Errorf("a directory without programs: %v", err)
	}
}
