package localserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func needConsul(t *testing.T) string {
	t.Helper()
	bin, err := FindOrBuildConsul(t.Context(), "", os.Stderr)
	if err != nil {
		missing(t, err)
	}
	return bin
}

func kv(t *testing.T, c *Consul, method, value string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.URL()+"/v1/kv/test?raw", strings.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestConsulKeepsDataOverStopKillAndOtherPorts(t *testing.T) {
	cfg := ConsulConfig{Dir: t.TempDir(), Bin: needConsul(t)}
	c, err := StartConsul(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	kv(t, c, http.MethodPut, "one")
	for _, again := range []struct {
		name   string
		before func(*Consul) error
	}{
		{"stopped", func(c *Consul) error { return c.Stop(t.Context()) }},
		{"killed", func(c *Consul) error { c.Kill(); return nil }},
		{"inner ports taken", func(c *Consul) error {
			c.Kill()
			return os.Remove(filepath.Join(cfg.Dir, "ports.json"))
		}},
	} {
		if err := again.before(c); err != nil {
			t.Fatalf("%s: %v", again.name, err)
		}
		cfg.Port = c.Port
		if c, err = StartConsul(t.Context(), cfg); err != nil {
			t.Fatalf("%s: %v", again.name, err)
		}
		if got := kv(t, c, http.MethodGet, ""); got != "one" {
			t.Errorf("%s: it holds %q", again.name, got)
		}
	}
	if _, err := StartConsul(t.Context(), cfg); !errors.Is(err, ErrPortInUse) {
		t.Errorf("a second one on the same port: %v", err)
	}
	c.Kill()
}

// fakeConsul is a program that knows nothing but its version.
func fakeConsul(t *testing.T, dir, version string) string {
	t.Helper()
	path := filepath.Join(dir, "consul")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho 'Consul v"+version+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindConsul(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv(EnvConsulBin, "")
	onPath := t.TempDir()
	t.Setenv("PATH", onPath)

	if _, err := FindConsul(t.Context(), ""); !errors.Is(err, ErrNoConsul) {
		t.Errorf("nothing there: %v", err)
	}
	fakeConsul(t, onPath, "1.15.2")
	if _, err := FindConsul(t.Context(), ""); !errors.Is(err, ErrNoConsul) {
		t.Errorf("one on PATH that is too old: %v", err)
	}
	if _, err := FindOrBuildConsul(t.Context(), "", nil); !errors.Is(err, ErrNoConsul) || !strings.Contains(err.Error(), "install Consul") {
		t.Errorf("nothing to build it with: %v", err)
	}
	built, err := builtConsul()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(built), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(built, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := FindConsul(t.Context(), ""); err != nil || got != built {
		t.Errorf("one that was built: %q, %v", got, err)
	}
	want := fakeConsul(t, onPath, "1.22.0")
	if got, err := FindConsul(t.Context(), ""); err != nil || got != want {
		t.Errorf("one on PATH that is new: %q, %v", got, err)
	}
	other := fakeConsul(t, t.TempDir(), "1.15.2")
	t.Setenv(EnvConsulBin, other)
	if got, err := FindConsul(t.Context(), ""); err != nil || got != other {
		t.Errorf("one that the environment names: %q, %v", got, err)
	}
}
