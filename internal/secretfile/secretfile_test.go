package secretfile

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	first, err := Keep(dir, "password", Password)
	if err != nil || len(first) < 22 {
		t.Fatalf("%q, %v", first, err)
	}
	t.Run("returns what is there", func(t *testing.T) {
		again, err := Keep(dir, "password", Password)
		if err != nil || again != first {
			t.Errorf("%q, %v, want %q", again, err, first)
		}
	})
	t.Run("shows it to owner and group alone, and leaves nothing else", func(t *testing.T) {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%v, %v", entries, err)
		}
		info, err := entries[0].Info()
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
	t.Run("does not take an empty file for a secret, nor replace it", func(t *testing.T) {
		path := filepath.Join(dir, "lost")
		if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Keep(dir, "lost", Password); err == nil || !strings.Contains(err.Error(), path+" is empty") {
			t.Errorf("%v", err)
		}
	})
	t.Run("says where it cannot write", func(t *testing.T) {
		if _, err := Keep(filepath.Join(dir, "nowhere"), "x", Password); err == nil {
			t.Error("no error")
		}
	})
}

func TestGossipKeyHas256Bits(t *testing.T) {
	key, other := GossipKey(), GossipKey()
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(raw) != 32 || key == other {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}
