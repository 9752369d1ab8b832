package seeded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Bug is one mutation.
type Bug struct {
	Name    string // of its file, without .bug
	Rule    string // that it breaks
	File    string // in the repository
	Old     string // occurs in File exactly once
	New     string
	Package string // of the test, as go test takes it
	Test    string // that must fail, as go test -run takes it
}

// Parse reads a bug's file: lines "field: value", then the old text, then the new.
func Parse(name, text string) (Bug, error) {
	b := Bug{Name: name}
	head, rest, ok := strings.Cut(text, "--- old\n")
	old, changed, both := strings.Cut(rest, "\n--- new\n")
	if !ok || !both {
		return b, fmt.Errorf("bug %s: it has no old and new text", name)
	}
	b.Old, b.New = old, strings.TrimSuffix(changed, "\n")
	fields := map[string]*string{"rule": &b.Rule, "file": &b.File, "package": &b.Package, "test": &b.Test}
	for line := range strings.Lines(head) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		at, known := fields[field]
		if !known {
			return b, fmt.Errorf("bug %s: no such field: %q", name, field)
		}
		*at = value
	}
	for field, value := range fields {
		if *value == "" {
			return b, fmt.Errorf("bug %s: %s is missing", name, field)
		}
	}
	if b.Old == b.New {
		return b, fmt.Errorf("bug %s: it changes nothing", name)
	}
	return b, nil
}

// Mutated is the bug's file under root as it is with the bug.
func (b Bug) Mutated(root string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(root, b.File))
	if err != nil {
		return "", fmt.Errorf("bug %s: %w", b.Name, err)
	}
	if n := strings.Count(string(raw), b.Old); n != 1 {
		return "", fmt.Errorf("bug %s: its old text occurs %d times in %s", b.Name, n, b.File)
	}
	return strings.Replace(string(raw), b.Old, b.New, 1), nil
}

// Overlay writes the mutated file and what go test -overlay wants into dir, and returns the latter's path.
func (b Bug) Overlay(root, dir string) (string, error) {
	text, err := b.Mutated(root)
	if err != nil {
		return "", err
	}
	mutated, overlay := filepath.Join(dir, "mutated"+filepath.Ext(b.File)), filepath.Join(dir, "overlay.json")
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, b.File): mutated}})
	if err != nil {
		return "", fmt.Errorf("bug %s: %w", b.Name, err)
	}
	if err := errors.Join(os.WriteFile(mutated, []byte(text), 0o600), os.WriteFile(overlay, raw, 0o600)); err != nil {
		return "", fmt.Errorf("bug %s: %w", b.Name, err)
	}
	return overlay, nil
}
