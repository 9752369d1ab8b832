package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/compose"
)

// fakeDocker puts a docker command first in the path that answers with these lines, or fails.
func fakeDocker(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

const (
	composeRuns   = `echo "running|/somewhere|/somewhere/docker-compose.yml"`
	composeStands = `echo "exited|/somewhere|/somewhere/docker-compose.yml"`
	noEngine      = `echo "Cannot connect to the Docker daemon" >&2; exit 1`
)

// fakeDev leaves behind what a supervisor of `cellway dev` does; it answers if alive.
func fakeDev(t *testing.T, alive bool) (dir string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(server.Close)
	raw, err := json.Marshal(map[string]string{"url": server.URL, "token": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if !alive {
		server.Close()
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "control.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWhichSystemIsMeant(t *testing.T) {
	for name, c := range map[string]struct {
		docker string
		dev    bool // a supervisor answers
		kind   string
		want   string // a part of the error; "": none
		inside bool
	}{
		"the one on this machine":                     {docker: noEngine, dev: true},
		"the one on this machine, beside stopped":     {docker: composeStands, dev: true},
		"the one in containers":                       {docker: composeRuns, inside: true},
		"both: an error that names the variable":      {docker: composeRuns, dev: true, want: "CELLWAY_SYSTEM=dev or CELLWAY_SYSTEM=compose"},
		"both, and one chosen":                        {docker: composeRuns, dev: true, kind: "compose", inside: true},
		"both, and the other chosen":                  {docker: composeRuns, dev: true, kind: "dev"},
		"none":                                        {docker: noEngine, want: "no system is running"},
		"a choice that does not run":                  {docker: composeStands, dev: true, kind: "compose", want: "no system runs in containers"},
		"a choice that is none":                       {docker: noEngine, kind: "k8s", want: `--system "k8s"`},
		"the supervisor was killed and left its file": {docker: composeRuns, inside: true},
	} {
		t.Run(name, func(t *testing.T) {
			fakeDocker(t, c.docker)
			f := systemFlags{kind: c.kind, dir: fakeDev(t, c.dev)}
			sys, err := f.find(t.Context(), os.Stderr)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want it to say %q", err, c.want)
				}
				return
			}
			_, inContainers := sys.(*compose.Project)
			if err != nil || inContainers != c.inside {
				t.Errorf("%T, %v", sys, err)
			}
		})
	}
}
