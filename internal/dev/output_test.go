package dev

import (
	"os"
	"strings"
	"testing"
)

// quietSupervisor has a terminal and a state directory, and runs nothing.
func quietSupervisor(t *testing.T) (*supervisor, *buffer) {
	t.Helper()
	out := &buffer{}
	s := &supervisor{cfg: Config{StateDir: t.TempDir()}, con: &console{out: out}, children: map[string]*child{}}
	if err := os.Mkdir(s.cfg.path("logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	return s, out
}

func (s *supervisor) write(t *testing.T, p *part, texts ...string) {
	t.Helper()
	l, err := s.openLog(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if _, err := l.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func (s *supervisor) logged(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(s.cfg.path("logs", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestChildLog(t *testing.T) {
	t.Run("prints whole lines with the child's name, the last one even without its end", func(t *testing.T) {
		s, out := quietSupervisor(t)
		s.write(t, &part{name: "cell-a", kind: kindCell}, "one\ntw", "o\nthree")
		if want := "cell-a    | one\ncell-a    | two\ncell-a    | three\n"; out.String() != want {
			t.Errorf("printed %q", out.String())
		}
		if got := s.logged(t, "cell-a.log"); got != "one\ntwo\nthree" {
			t.Errorf("kept %q", got)
		}
	})
	t.Run("prints of the servers what is serious, until the system stops", func(t *testing.T) {
		s, out := quietSupervisor(t)
		lines := "LOG:  ready\nERROR:  refused by the fence\nFATAL:  disk full\n"
		s.write(t, &part{name: "postgres"}, lines)
		s.stopping = true
		s.write(t, &part{name: "postgres"}, "FATAL:  terminating connection\n")
		if out.String() != "postgres  | FATAL:  disk full\n" {
			t.Errorf("printed %q", out.String())
		}
	})
	t.Run("begins anew with a run and goes on over restarts", func(t *testing.T) {
		s, _ := quietSupervisor(t)
		p := &part{name: "router", kind: kindRouter}
		s.write(t, p, "yesterday\n")
		s.write(t, p, "today\n")
		s.ready = true
		s.write(t, p, "restarted\n")
		if got := s.logged(t, "router.log"); got != "today\nrestarted\n" {
			t.Errorf("kept %q", got)
		}
	})
	t.Run("keeps a full file once and goes on in a new one", func(t *testing.T) {
		s, _ := quietSupervisor(t)
		s.con = &console{out: &strings.Builder{}}
		line := strings.Repeat("x", 1<<20-1) + "\n"
		lines := make([]string, maxLog/len(line)+1)
		for i := range lines {
			lines[i] = line
		}
		s.write(t, &part{name: "router", kind: kindRouter}, lines...)
		if old, now := len(s.logged(t, "router.log.old")), len(s.logged(t, "router.log")); old != maxLog || now != len(line) {
			t.Errorf("%d bytes in the old file, %d in the new one", old, now)
		}
	})
}
