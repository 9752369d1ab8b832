package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/load"
)

func TestFreeNameIsTheFirstThatNobodyHas(t *testing.T) {
	taken := []cellInfo{{ID: "cell-a"}, {ID: "cell-e"}}
	for _, want := range []string{"cell-d", "cell-f", "cell-g"} {
		got, err := freeName(taken)
		if err != nil || got != want {
			t.Errorf("%q, %v; want %s", got, err, want)
		}
		taken = append(taken, cellInfo{ID: got})
	}
	for range 'z' - 'g' {
		got, err := freeName(taken)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, cellInfo{ID: got})
	}
	if got, err := freeName(taken); err == nil || !strings.Contains(err.Error(), "--cell") {
		t.Errorf("%q, %v", got, err)
	}
}

// stage is an admin listener and a router that accepts every creation, and a system that does what add says.
type stage struct {
	running bool
	created func() // called at each creation
	add     func(context.Context) error
}

func (s *stage) AddCell(ctx context.Context, _ string, _ int) error { return s.add(ctx) }
func (s *stage) RemoveCell(context.Context, string) error           { return errors.New("not asked for") }

func (s *stage) Restart(context.Context, string) error { return errors.New("not asked for") }

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answers := map[string]string{
		"/admin/map":       `{"partitions":4096}`,
		"/admin/cells":     `{"cells":[{"cell_id":"cell-a","status":"active","partitions":4096}]}`,
		"/admin/moves":     `{"moves":[]}`,
		"/admin/rebalance": map[bool]string{true: `{"running":true}`, false: `{"running":false}`}[s.running],
	}
	switch answer, ok := answers[r.URL.Path]; {
	case ok:
		_, _ = io.WriteString(w, answer)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
		if s.created != nil {
			s.created()
		}
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *stage) demo(t *testing.T, cell string) (*demo, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	out := &bytes.Buffer{}
	return &demo{
		system: s, admin: &adminClient{base: server.URL, say: out, http: server.Client()}, client: load.New(server.URL, load.NewModel()),
		out: out, prefix: "demo-1", cell: cell, customers: 10, workers: 2,
	}, out
}

func TestDemoRefusesWhatWouldBlurItsFigures(t *testing.T) {
	d, _ := (&stage{running: true}).demo(t, "")
	if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "a rebalance is running") {
		t.Error(err)
	}
	d, _ = (&stage{}).demo(t, "cell-a")
	if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "cell-a owns 4096 partitions already") {
		t.Error(err)
	}
}

func TestInterruptedDemoSaysWhatStays(t *testing.T) {
	t.Run("while it loads", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		s := &stage{created: func() { cancel(errors.New("Ctrl-C")) }}
		d, out := s.demo(t, "")
		if err := d.run(ctx); err == nil || err.Error() != "stopped: Ctrl-C" {
			t.Error(err)
		}
		if said := out.String(); !strings.Contains(said, "customers named demo-1-... stay.") || strings.Contains(said, "make drain-cell") {
			t.Errorf("it says:\n%s", said)
		}
	})
	t.Run("while the cell joins", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		s := &stage{add: func(ctx context.Context) error {
			cancel(errors.New("Ctrl-C"))
			return ctx.Err()
		}}
		d, out := s.demo(t, "")
		if err := d.run(ctx); err == nil || err.Error() != "stopped: Ctrl-C" {
			t.Error(err)
		}
		for _, want := range []string{"10 customers named demo-1-... stay.", "cell-d was asked for", "make drain-cell NAME=cell-d"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("it does not say %q:\n%s", want, out.String())
			}
		}
	})
}
