package systemtest

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	customers  = 20000
	workers    = 8
	partitions = 1024 // a quarter of the default: four times as quick, and no different

	// between two customers of a worker, so that clients leave the machine something to move customers with
	think = 30 * time.Millisecond
)

// TestRebalanceUnderLoad is the promise itself: a cell joins and another is drained while a client writes and
// reads, and while movers are killed.
func TestRebalanceUnderLoad(t *testing.T) {
	t.Setenv("CELLWAY_PARTITIONS", strconv.Itoa(partitions))
	const share = partitions / 4
	f := start(t)
	f.fill(customers)

	t.Run("a joining cell gets exactly its quarter", func(t *testing.T) {
		before := f.owners(t)
		stop := f.load(t)
		began := time.Now()
		f.run(t, 10*time.Minute, "add-cell", "cell-d")
		took := time.Since(began)
		stats := stop()
		f.mustBeSpotless(t, stats)
		t.Logf("join: %v; %s", took.Round(time.Millisecond), stats)
		after := f.owners(t)
		want := map[string]int{"cell-a": share, "cell-b": share, "cell-c": share, "cell-d": share}
		if !maps.Equal(after, want) {
			t.Errorf("owners are %v, want %v (before: %v)", after, want, before)
		}
		f.mustMoveOnly(t, share, func(from, to string) bool { return to == "cell-d" })
		f.mustCheck(t)
	})

	t.Run("a drained cell empties while both movers are killed three times", func(t *testing.T) {
		stop := f.load(t)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := f.sys.Run(ctx, "drain", "cell-b")
			done <- err
		}()
		for range 3 {
			f.waitForMoves(t, 40)
			for _, name := range []string{"mover-1", "mover-2"} {
				f.must(t, f.sys.Signal(ctx, name, syscall.SIGKILL))
			}
			for _, name := range []string{"mover-1", "mover-2"} {
				f.run(t, time.Minute, "restart", name)
			}
		}
		f.must(t, <-done)
		stats := stop()
		f.mustBeSpotless(t, stats)
		t.Logf("drain: %s", stats)
		if after := f.owners(t); after["cell-b"] != 0 {
			t.Errorf("cell-b owns %d partitions after its drain", after["cell-b"])
		}
		f.mustCheck(t)
	})

	t.Run("an undrained cell gets its share back while the leading mover is killed", func(t *testing.T) {
		stop := f.load(t)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			_, err := f.sys.Run(ctx, "undrain", "cell-b")
			done <- err
		}()
		f.waitForMoves(t, 40)
		leader := f.leader(t)
		f.must(t, f.sys.Signal(ctx, leader, syscall.SIGKILL))
		f.must(t, <-done)
		stats := stop()
		f.mustBeSpotless(t, stats)
		t.Logf("undrain with %s killed: %s", leader, stats)
		// A request that waited for longer than the router's hold would have got a 503: mustBeSpotless sees it.
		if after := f.owners(t); after["cell-b"] != share {
			t.Errorf("cell-b owns %d partitions after it was undrained, want %d", after["cell-b"], share)
		}
		f.run(t, time.Minute, "restart", leader)
		f.mustCheck(t)
	})

	t.Run("a weight of two gets twice the share", func(t *testing.T) {
		f.run(t, 10*time.Minute, "add-cell", "cell-e", "--weight", "2")
		if after := f.owners(t); after["cell-e"] != partitions*2/6 && after["cell-e"] != partitions*2/6+1 {
			t.Errorf("owners are %v, want a third for cell-e", after)
		}
		f.mustCheck(t)
		f.run(t, 10*time.Minute, "drain", "cell-e")
		f.run(t, time.Minute, "remove-cell", "cell-e")
		f.mustCheck(t)
	})

	// The last one: the demo's customers stay, and the model does not know them.
	t.Run("the demo reports the ideal share and no error", func(t *testing.T) {
		before := f.owners(t)
		out := f.run(t, 10*time.Minute, "demo", "--customers", "2000")
		t.Logf("the demo says:\n%s", out)
		after := f.owners(t)
		got := after["cell-e"] // the first free name: cell-d is there
		if before["cell-e"] != 0 || got != partitions/5 && got != partitions/5+1 {
			t.Errorf("owners are %v, want a fifth for cell-e", after)
		}
		moved := fmt.Sprintf(`moved +%[1]d of %[2]d partitions \(\d+\.\d\d %%\); the ideal is %[1]d of %[2]d`, got, partitions)
		for _, want := range []string{
			moved, `operations +\d+: 200 \d+ times`, `errors +0\n`, `longest pause +\d+\.\d ms for a client`,
			`\d+\.\d ms in a move`, `\d+ customers named demo-[0-9a-f]{8}-\.\.\. stay`, `make remove-cell NAME=cell-e\n$`,
		} {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("the demo does not say %q", want)
			}
		}
	})
}
