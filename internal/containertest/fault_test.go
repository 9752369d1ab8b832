package containertest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"
)

// TestFaults does to the containers of one system what happens to containers, while a client writes and reads.
func TestFaults(t *testing.T) {
	f := start(t, 1024, 2000)
	everybody := []string{"cell-a", "cell-b", "cell-c", "cell-d", ""}

	t.Run("roles can do what they must and no more", func(t *testing.T) { f.testAccess(t) })
	t.Run("containers have no more rights than they need", func(t *testing.T) { f.testHardening(t) })
	t.Run("the public side reaches the router alone", func(t *testing.T) { f.testWalls(t) })

	t.Run("a joining container gets exactly its quarter", func(t *testing.T) {
		stop := f.load(t)
		began := time.Now()
		must(t, f.AddCell(t.Context(), "cell-d"))
		f.waitForOwned(t, "cell-d", 256)
		f.waitForRest(t)
		mustHurtOnly(t, fmt.Sprintf("join (%v)", time.Since(began).Round(time.Millisecond)), stop())
		if got, want := f.owners(t), map[string]int{"cell-a": 256, "cell-b": 256, "cell-c": 256, "cell-d": 256}; !maps.Equal(got, want) {
			t.Errorf("owners are %v, want %v", got, want)
		}
		f.mustCheck(t)
	})

	t.Run("a drain goes on while the leading mover is frozen past its lease", func(t *testing.T) {
		stop := f.load(t)
		drained := f.order(t, "drain", "cell-d")
		f.waitForMoves(t, 20)
		frozen := f.mustLead(t, "")
		must(t, f.Freeze(t.Context(), frozen))
		next := f.mustLead(t, frozen)
		f.waitForMoves(t, 20)
		must(t, f.Thaw(t.Context(), frozen))
		drained()
		mustHurtOnly(t, fmt.Sprintf("%s frozen during a drain, %s took over", frozen, next), stop())
		if n := f.owners(t)["cell-d"]; n != 0 {
			t.Errorf("cell-d owns %d partitions after its drain", n)
		}
		f.mustCheck(t)
	})

	t.Run("an undrain goes on while the leading mover is cut off", func(t *testing.T) {
		stop := f.load(t)
		undrained := f.order(t, "undrain", "cell-d")
		f.waitForMoves(t, 20)
		cut := f.mustLead(t, "")
		must(t, f.Cut(t.Context(), cut))
		next := f.mustLead(t, cut)
		undrained()
		mustHurtOnly(t, fmt.Sprintf("%s cut off during an undrain, %s took over", cut, next), stop())
		must(t, f.Join(t.Context(), cut))
		f.mustCheck(t)
	})

	t.Run("a killed container hurts its own customers alone", func(t *testing.T) {
		f.testLostCell(t, "cell-a", f.Kill, f.Revive)
	})
	t.Run("a container that is cut off hurts its own customers alone", func(t *testing.T) {
		f.testLostCell(t, "cell-b", f.Cut, f.Join)
	})

	t.Run("a router that is cut off refuses, and loses nothing", func(t *testing.T) {
		stop := f.load(t)
		must(t, f.Cut(t.Context(), "router"))
		f.waitForAnswer(t, "cell-a", http.StatusServiceUnavailable)
		must(t, f.Join(t.Context(), "router"))
		for _, cell := range everybody[:4] {
			f.waitForAnswer(t, cell, http.StatusOK)
		}
		mustHurtOnly(t, "router cut off", stop(), everybody...)
		f.waitForSource(t, "live")
		f.mustServe(t)
	})

	t.Run("a Consul that is cut off is noticed by no customer", func(t *testing.T) {
		stop := f.load(t)
		must(t, f.Cut(t.Context(), "consul"))
		f.waitForOperations(t, 2000)
		must(t, f.Join(t.Context(), "consul"))
		f.waitForSource(t, "live")
		for cell := range f.owners(t) {
			f.waitForStatus(t, cell, "active")
		}
		mustHurtOnly(t, "Consul cut off", stop())
		f.mustCheck(t)
	})

	t.Run("a killed Postgres comes back with all that was acknowledged", func(t *testing.T) {
		stop := f.load(t)
		must(t, f.Kill(t.Context(), "postgres"))
		f.waitForAnswer(t, "cell-a", http.StatusServiceUnavailable)
		must(t, f.Revive(t.Context(), "postgres"))
		for _, cell := range everybody[:4] {
			f.waitForStatus(t, cell, "active")
			f.waitForAnswer(t, cell, http.StatusOK)
		}
		mustHurtOnly(t, "Postgres killed", stop(), everybody...)
		f.mustServe(t)
	})
}

// testLostCell takes a cell away and brings it back. The map must not change, and nobody else may notice.
func (f *fixture) testLostCell(t *testing.T, cell string, lose, bringBack func(context.Context, string) error) {
	t.Helper()
	before := f.owners(t)
	f.client.Visit(t.Context(), "load", f.count, workers)
	stop := f.load(t)
	must(t, lose(t.Context(), cell))
	f.waitForStatus(t, cell, "sick")
	f.waitForAnswer(t, cell, http.StatusServiceUnavailable)
	stats := stop()
	mustHurtOnly(t, cell+" lost", stats, cell)
	if stats.Failed[cell] == 0 {
		t.Error("nobody noticed: the test proves nothing")
	}
	if now := f.owners(t); !maps.Equal(now, before) {
		t.Errorf("the map changed from %v to %v", before, now)
	}
	must(t, bringBack(t.Context(), cell))
	f.waitForStatus(t, cell, "active")
	f.waitForAnswer(t, cell, http.StatusOK)
	f.mustServe(t)
}

// mustServe requires that everything is as if nothing had been.
func (f *fixture) mustServe(t *testing.T) {
	t.Helper()
	stop := f.load(t)
	f.waitForOperations(t, 500)
	mustHurtOnly(t, "afterwards", stop())
	f.mustCheck(t)
}

// mustLead waits until a mover other than that one leads.
func (f *fixture) mustLead(t *testing.T, other string) (name string) {
	t.Helper()
	wait(t, soon, func(ctx context.Context) (err error) {
		name, err = f.leader(ctx)
		if err == nil && name == other {
			err = fmt.Errorf("%s still leads", other)
		}
		return err
	})
	return name
}

func (f *fixture) waitForOwned(t *testing.T, cell string, partitions int) {
	t.Helper()
	wait(t, 3*time.Minute, func(ctx context.Context) error {
		var m struct {
			Owners map[string]int `json:"owners"`
		}
		if err := f.admin(ctx, "/admin/map", &m); err != nil {
			return err
		}
		if m.Owners[cell] != partitions {
			return fmt.Errorf("%s owns %d partitions, want %d", cell, m.Owners[cell], partitions)
		}
		return nil
	})
}
