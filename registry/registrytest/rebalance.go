package registrytest

import (
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

var rebalanceTests = []test{
	{"the progress is stored", rebalanceStored},
	{"every request raises the number", requestsCounted},
}

func rebalanceStored(t *testing.T, client Factory) {
	r := client(t)
	equal(t, "rebalance at first", must[registry.Rebalance](t)(r.Rebalance(t.Context())), registry.Rebalance{})
	l := lead(t, r, "mover-1")
	progress := registry.Rebalance{ID: "one", AskedBy: "join", Running: true, Done: 3, Total: 10, Rows: 77, StartedAt: time.Now().UTC().Truncate(0), Problem: "writes in flight"}
	for range 2 {
		ok(t, r.PutRebalance(t.Context(), l.term, progress))
		equal(t, "rebalance", must[registry.Rebalance](t)(client(t).Rebalance(t.Context())), progress)
		progress.Running, progress.EndedAt = false, time.Now().UTC().Truncate(0)
	}
}

func requestsCounted(t *testing.T, client Factory) {
	leader, operator := client(t), client(t)
	before := must[uint64](t)(leader.Requests(t.Context()))
	for range 3 {
		ok(t, operator.RequestRebalance(t.Context(), "an operator"))
		after := must[uint64](t)(leader.Requests(t.Context()))
		if after <= before {
			t.Fatalf("requests %d after %d", after, before)
		}
		before = after
	}
	equal(t, "requests without another", must[uint64](t)(leader.Requests(t.Context())), before)
}
