package systemtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/checker"
	"github.com/cellway/cellway/internal/history"
	"github.com/cellway/cellway/internal/load"
	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/testgroup"
)

// fixture is a running system with a client's model of what it holds.
type fixture struct {
	t     *testing.T
	sys   *System
	model *load.Model
	count int
	moves map[string]bool // IDs of the moves already accounted for

	current *load.Load // the client that was started last

	recorder   *history.Recorder
	contention *load.Contention // of all loads; its customers are those of no worker
	judged     int              // operations that were there when the history was judged last
	loads      [][2]time.Time   // when clients ran since then
}

// start runs a system for this test alone and stops it at the end; nothing may be left running.
func start(t *testing.T) *fixture {
	t.Helper()
	if _, err := localserver.FindPostgres("", 0); err != nil {
		testgroup.NotRun(t, "tests of the whole system", err)
	}
	binary, err := filepath.Abs("../../bin/cellway")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		out, err := exec.Command("go", "build", "-o", binary, "github.com/cellway/cellway/cmd/cellway").CombinedOutput()
		if err != nil {
			t.Fatalf("build cellway: %v\n%s", err, out)
		}
	}
	dir, err := os.MkdirTemp("", "cellway-system-") //nolint:usetesting // t.TempDir lies below one that Postgres's user cannot enter
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres may run as another user
		t.Fatal(err)
	}
	sys, err := NewSystem(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{
		t: t, sys: sys, model: load.NewModel(), moves: map[string]bool{}, recorder: history.NewRecorder(1),
		contention: &load.Contention{Prefix: "shared", Count: 64, Clients: 4, Pause: 2 * time.Millisecond},
	}
	t.Cleanup(func() {
		f.stop(t)
		if t.Failed() {
			t.Logf("what the system printed, the end of it:\n%s", tail(sys.Output(), 20000))
		}
		f.must(t, os.RemoveAll(dir))
	})
	f.start(t)
	return f
}

func (f *fixture) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // Consul may have to be built
	defer cancel()
	f.must(t, f.sys.Start(ctx))
}

// stop is Ctrl-C; every process of the system must be gone after it.
func (f *fixture) stop(t *testing.T) {
	t.Helper()
	e, err := f.sys.Endpoints()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if stopped := f.sys.Stop(ctx); stopped != nil {
		t.Errorf("stop: %v", stopped)
	}
	if err != nil {
		return
	}
	for _, p := range e.Processes {
		if p.PID == 0 {
			continue
		}
		if cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID)); err == nil && len(cmdline) > 0 {
			t.Errorf("%s (pid %d) is still running: %s", p.Name, p.PID, cmdline)
		}
	}
}

func (f *fixture) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) run(t *testing.T, limit time.Duration, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out, err := f.sys.Run(ctx, args...)
	f.must(t, err)
	return out
}

// fill creates the customers named load-00000 and on.
func (f *fixture) fill(count int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*time.Minute)
	defer cancel()
	e, err := f.sys.Endpoints()
	f.must(f.t, err)
	began := time.Now()
	if count > sampleAbove {
		f.recorder = history.NewRecorder(count / sampleAbove)
	}
	l := load.New(e.Router, f.model)
	l.Recorder = f.recorder
	f.must(f.t, l.Fill(ctx, "load", count, workers))
	f.must(f.t, l.Settle(ctx, f.contention)) // so that it is known of the shared ones, too, which cell they are in
	f.count = count
	f.t.Logf("%d customers created in %v", count, time.Since(began).Round(time.Millisecond))
}

// load starts the client; the function returned stops it and says what it saw.
func (f *fixture) load(t *testing.T) (stop func() load.Stats) {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	l := load.New(e.Router, f.model)
	l.Recorder, l.Pause = f.recorder, think
	f.current = l
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx, "load", f.count, workers) })
	running.Go(func() { l.Contend(ctx, f.contention) })
	began := time.Now()
	var once sync.Once
	stop = func() load.Stats {
		once.Do(func() {
			cancel()
			running.Wait()
			f.loads = append(f.loads, [2]time.Time{began, time.Now()})
		})
		return l.Take()
	}
	t.Cleanup(func() { stop() })
	return stop
}

// mustBeSpotless requires that the client saw nothing but what its own requests deserved.
func (f *fixture) mustBeSpotless(t *testing.T, s load.Stats) {
	t.Helper()
	if len(s.Failed) > 0 || s.Operations < 100 {
		t.Errorf("the client saw what it should not have: %s\n%s", s, strings.Join(s.Wrong, "\n"))
	}
}

// mustCheck compares the databases with the map and with what the client knows.
func (f *fixture) mustCheck(t *testing.T) {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f.mustBeLinearizable(ctx, t)
	var m struct{ Partitions int }
	f.must(t, f.sys.Admin(ctx, "/admin/map", &m))
	r, err := checker.Check(ctx, []string{e.Postgres}, m.Partitions, f.owners(t), f.model)
	f.must(t, err)
	if len(r.Faults) > 0 {
		t.Fatalf("the databases are not as they should be:\n%s", strings.Join(r.Faults, "\n"))
	}
	t.Logf("checked: rows %v, partitions %v", r.Rows, r.Owned)
}

func (f *fixture) owners(t *testing.T) map[string]int {
	t.Helper()
	var m struct {
		Owners map[string]int `json:"owners"`
	}
	f.must(t, f.sys.Admin(t.Context(), "/admin/map", &m))
	return m.Owners
}

type moveInfo struct {
	ID    string `json:"id"`
	From  string `json:"from"`
	To    string `json:"to"`
	State string `json:"state"`
}

func (f *fixture) history(t *testing.T) []moveInfo {
	t.Helper()
	var m struct {
		Moves []moveInfo `json:"moves"`
	}
	f.must(t, f.sys.Admin(t.Context(), "/admin/moves?limit=10000", &m))
	return m.Moves
}

// mustMoveOnly requires that want moves were done since the last call, all of them allowed.
func (f *fixture) mustMoveOnly(t *testing.T, want int, allowed func(from, to string) bool) {
	t.Helper()
	done := 0
	for _, m := range f.history(t) {
		if f.moves[m.ID] || m.State != "done" {
			continue
		}
		f.moves[m.ID] = true
		done++
		if !allowed(m.From, m.To) {
			t.Errorf("a partition moved from %s to %s", m.From, m.To)
		}
	}
	if done != want {
		t.Errorf("%d partitions moved, want %d", done, want)
	}
}

// waitForMoves waits until that many more moves than now have ended.
func (f *fixture) waitForMoves(t *testing.T, more int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	first := -1
	f.must(t, Until(ctx, func() error {
		var r struct {
			Running bool
			Done    int
			Total   int
		}
		if err := f.sys.Admin(ctx, "/admin/rebalance", &r); err != nil {
			return err
		}
		if !r.Running || r.Total == 0 {
			return fmt.Errorf("no rebalance is running")
		}
		if first < 0 {
			first = r.Done
		}
		if r.Done-first < more {
			return fmt.Errorf("%d of %d moves done", r.Done, r.Total)
		}
		return nil
	}))
}

// leader names the mover that leads, as the registry's lock says.
func (f *fixture) leader(t *testing.T) string {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	var keys []struct{ Value []byte }
	f.must(t, getJSON(t.Context(), e.Consul+"/v1/kv/cellway/leader", &keys))
	for _, name := range []string{"mover-1", "mover-2"} {
		if len(keys) == 1 && strings.Contains(string(keys[0].Value), name) {
			return name
		}
	}
	t.Fatalf("no mover leads: %v", keys)
	return ""
}

func tail(s string, n int) string {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}
