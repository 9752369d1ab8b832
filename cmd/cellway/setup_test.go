package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSetupSecrets(t *testing.T) {
	dir := map[string]string{}
	args := []string{"setup", "secrets"}
	for _, who := range []string{"setup", "postgres", "consul", "router", "mover"} {
		dir[who] = t.TempDir()
		args = append(args, "--"+who+"-dir="+dir[who])
	}
	read := func() string {
		t.Helper()
		var all strings.Builder
		for _, who := range []string{"setup", "postgres", "consul", "router", "mover"} {
			files, err := filepath.Glob(filepath.Join(dir[who], "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				raw, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				all.WriteString(who + "/" + filepath.Base(file) + "\n" + string(raw))
			}
		}
		return all.String()
	}
	out, err := call(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	first := read()
	for _, want := range []string{
		"postgres/superuser-password", "consul/server.hcl", "consul/secrets.hcl", "router/admin-token", "router/consul-token",
		"mover/internal-token", "mover/consul-token", "setup/consul-management-token", "initial_management",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %s", want)
		}
	}
	for line := range strings.Lines(first) {
		if secret := strings.TrimSpace(line); len(secret) > 25 && !strings.ContainsAny(secret, " /#") && strings.Contains(out, secret) {
			t.Errorf("a secret was printed: %s", out)
		}
	}
	t.Run("changes nothing when it is repeated", func(t *testing.T) {
		if _, err := call(t, args...); err != nil {
			t.Fatal(err)
		}
		if again := read(); again != first {
			t.Errorf("was\n%s\nis\n%s", first, again)
		}
	})
}

func TestSetupCellRefusesAnotherCellsFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cell"), []byte("cell-a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := call(t, "setup", "cell", "--cell", "cell-d", "--cell-dir", dir)
	if err == nil || !strings.Contains(err.Error(), "it has the secrets of cell-a") {
		t.Errorf("%v", err)
	}
}
