package systemtest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// TestFaults kills, freezes and restarts parts of a system under load.
func TestFaults(t *testing.T) {
	f := start(t)
	f.fill(3000)
	before := f.owners(t)

	t.Run("a killed cell hurts its own customers alone", func(t *testing.T) {
		stop := f.load(t)
		f.must(t, f.sys.Signal(t.Context(), "cell-a", syscall.SIGKILL))
		f.waitForStatus(t, "cell-a", "sick")
		stats := stop()
		t.Logf("cell-a killed: %s", stats)
		for cell := range stats.Failed {
			if cell != "cell-a" {
				t.Errorf("customers of %s saw failures: %v", cell, stats.Wrong)
			}
		}
		if stats.Failed["cell-a"] == 0 {
			t.Error("nobody noticed that cell-a was dead: the test proves nothing")
		}
		f.mustRefuse(t, "cell-a")
		if now := f.owners(t); !maps.Equal(now, before) {
			t.Errorf("the map changed from %v to %v", before, now)
		}
		f.run(t, time.Minute, "restart", "cell-a")
		f.waitForStatus(t, "cell-a", "active")
		f.waitForCell(t, "cell-a")
		stop = f.load(t)
		f.waitForOperations(t, 500)
		f.mustBeSpotless(t, stop())
		f.mustCheck(t)
	})

	t.Run("a frozen Consul is noticed by no customer", func(t *testing.T) {
		stop := f.load(t)
		f.must(t, f.sys.Signal(t.Context(), "consul", syscall.SIGSTOP))
		t.Cleanup(func() { _ = f.sys.Signal(context.Background(), "consul", syscall.SIGCONT) })
		f.run(t, time.Minute, "restart", "router")
		f.mustServeFrom(t, "disk")
		stop() // requests met a restarting router: what they saw is not Consul's doing
		stop = f.load(t)
		f.waitForOperations(t, 5000)
		f.mustBeSpotless(t, stop())
		f.must(t, f.sys.Signal(t.Context(), "consul", syscall.SIGCONT))
		f.mustServeFrom(t, "live")
		f.mustCheck(t)
	})

	t.Run("a killed and restarted Consul is noticed by no customer", func(t *testing.T) {
		stop := f.load(t)
		f.must(t, f.sys.Signal(t.Context(), "consul", syscall.SIGKILL))
		f.waitForOperations(t, 500)
		f.run(t, time.Minute, "restart", "consul")
		for cell := range before {
			f.waitForStatus(t, cell, "active")
		}
		f.mustServeFrom(t, "live")
		f.mustBeSpotless(t, stop())
		f.mustCheck(t)
	})

	t.Run("everything is there again after Ctrl-C", func(t *testing.T) {
		f.stop(t)
		began := time.Now()
		f.start(t)
		t.Logf("second start: %v", time.Since(began).Round(time.Millisecond))
		if now := f.owners(t); !maps.Equal(now, before) {
			t.Errorf("the map changed from %v to %v", before, now)
		}
		stop := f.load(t)
		f.waitForOperations(t, 200)
		f.mustBeSpotless(t, stop())
		f.mustCheck(t)
	})
}

func (f *fixture) waitForStatus(t *testing.T, cell, status string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f.must(t, Until(ctx, func() error {
		var reply struct {
			Cells []struct {
				ID     string `json:"cell_id"`
				Status string `json:"status"`
			} `json:"cells"`
		}
		if err := f.sys.Admin(ctx, "/admin/cells", &reply); err != nil {
			return err
		}
		for _, c := range reply.Cells {
			if c.ID == cell && c.Status == status {
				return nil
			}
		}
		return fmt.Errorf("%s is not %s: %+v", cell, status, reply.Cells)
	}))
}

// waitForCell waits until one of the cell's customers is served.
func (f *fixture) waitForCell(t *testing.T, cell string) {
	t.Helper()
	f.waitForAnswer(t, cell, http.StatusOK)
}

// mustRefuse waits until one of the cell's customers is refused with 503.
func (f *fixture) mustRefuse(t *testing.T, cell string) {
	t.Helper()
	f.waitForAnswer(t, cell, http.StatusServiceUnavailable)
}

func (f *fixture) waitForAnswer(t *testing.T, cell string, want int) {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	l := load.New(e.Router, f.model)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	f.must(t, Until(ctx, func() error {
		for i := range f.count {
			id := load.ID("load", i)
			var at struct {
				Cell string `json:"cell_id"`
			}
			if err := f.sys.Admin(ctx, "/admin/locate/"+id, &at); err != nil {
				return err
			}
			if at.Cell != cell || !f.model.Customer(id).States()[0].Exists {
				continue
			}
			status, _, raw := l.Send(ctx, http.MethodGet, id, "")
			if status == want {
				return nil
			}
			return fmt.Errorf("GET %s: status %d, want %d: %.200s", id, status, want, raw)
		}
		return fmt.Errorf("no customer lives in %s", cell)
	}))
}

func (f *fixture) mustServeFrom(t *testing.T, source string) {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f.must(t, Until(ctx, func() error {
		var h struct{ Status, Source string }
		if err := getJSON(ctx, e.Router+"/health", &h); err != nil {
			return err
		}
		if h.Source != source {
			return fmt.Errorf("the router's map is from %q, want %q", h.Source, source)
		}
		return nil
	}))
}

// waitForOperations waits until the load's client has done that many more operations.
func (f *fixture) waitForOperations(t *testing.T, more int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target := f.current.Operations() + more
	f.must(t, Until(ctx, func() error {
		if n := f.current.Operations(); n < target {
			return fmt.Errorf("%d of %d operations done", n, target)
		}
		return nil
	}))
}
