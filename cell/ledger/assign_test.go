package ledger

import (
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
)

func TestAssign(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	first := protocol.Assignment{Cluster: testCluster, Epoch: 4, Token: 2, Partitions: []placement.Partition{1, 5}}
	for range 2 { // the second time it is done already
		if err := c.Assign(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := c.Rows(t.Context())
	if err != nil || len(rows) != testPartitions {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, r := range rows {
		owned := i == 1 || i == 5
		if int(r.Partition) != i || (r.State == protocol.StateOwned) != owned || (r.Epoch == 4 && r.HighEpoch == 4 && r.Token == 2) != owned {
			t.Errorf("%+v", r)
		}
	}
	for name, tc := range map[string]struct {
		change func(*protocol.Assignment)
		code   string
	}{
		"another cluster": {func(a *protocol.Assignment) { a.Cluster = "other" }, protocol.CodeInvalid},
		"no epoch":        {func(a *protocol.Assignment) { a.Epoch = 0 }, protocol.CodeInvalid},
		"beyond":          {func(a *protocol.Assignment) { a.Partitions = []placement.Partition{2, testPartitions} }, protocol.CodeInvalid},
		"another epoch":   {func(a *protocol.Assignment) { a.Epoch, a.Partitions = 5, []placement.Partition{2, 5} }, protocol.CodeConflict},
		"an old leader":   {func(a *protocol.Assignment) { a.Token, a.Partitions = 1, []placement.Partition{2, 5} }, protocol.CodeStale},
	} {
		a := first
		tc.change(&a)
		refused(t, tc.code, c.Assign(t.Context(), a))
		if row, err := c.Row(t.Context(), 2); err != nil || row.State != protocol.StateAbsent {
			t.Errorf("%s: half of it was done: %+v, %v", name, row, err)
		}
	}
	undone := command("m1", 9)
	do(t, c.Clear, 2, undone) // a partition that a move has been about is no longer the first map's to give
	a := first
	a.Epoch, a.Partitions = 9, []placement.Partition{2}
	refused(t, protocol.CodeConflict, c.Assign(t.Context(), a))
}

func TestCountOwnedCountsACustomerOnceWhileItMoves(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	s.source.person(t, s.p+1, 0)
	total := func() int64 {
		t.Helper()
		var sum int64
		for _, c := range []*testCell{s.source, s.target} {
			n, err := c.CountOwned(t.Context(), "people")
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		return sum
	}
	want := func(step string, n int64) {
		t.Helper()
		if got := total(); got != n {
			t.Errorf("after %s: %d, want %d", step, got, n)
		}
	}
	cmd := command("m1", 2)
	s.begin(t, cmd)
	want("import", 2)
	s.copy(t, cmd)
	want("copy", 2)
	cmd = s.fence(t, cmd)
	s.pull(t, cmd)
	want("pull", 2)
	do(t, s.source.MarkReads, s.p, cmd)
	do(t, s.source.Handover, s.p, cmd)
	want("handover", 1) // between 8 and 9 nobody owns
	do(t, s.target.Own, s.p, cmd)
	want("own", 2)
	if _, err := s.check(t, cmd); err != nil {
		t.Fatal(err)
	}
	do(t, s.source.Sweep, s.p, cmd)
	want("sweep", 2)
	_, err := s.source.CountOwned(t.Context(), `people"; DROP TABLE people`)
	refused(t, protocol.CodeInvalid, err)
}
