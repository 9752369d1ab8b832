package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	checked := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// .git, .cellway and the like are not ours to check; what is one level up is "..".
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		checked++
		return checkLinks(t, path)
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 5 {
		t.Errorf("only %d files were found", checked)
	}
}

func checkLinks(t *testing.T, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, match := range link.FindAllStringSubmatch(string(raw), -1) {
		target, err := url.Parse(match[1])
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if target.IsAbs() || target.Path == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), target.Path)); err != nil {
			t.Errorf("%s: the link to %s leads nowhere", path, match[1])
		}
	}
	return nil
}
