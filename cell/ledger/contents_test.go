package ledger

import (
	"testing"

	"github.com/cellway/cellway/internal/testenv"
)

func TestContentsAreCountedByPartition(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	s := stage{source: c, p: 3}
	s.populate(t, 500) // each with a note
	c.person(t, 5, 0)
	got, err := c.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := one[int64](t, c.app, `SELECT (SELECT count(*) FROM people WHERE cellway_partition = 5) + (SELECT count(*) FROM notes WHERE cellway_partition = 5)`)
	if len(got.Rows) != testPartitions || got.Rows[3] != 1000 || got.Rows[5] != want || got.Rows[4] != 0 {
		t.Errorf("rows %v", got.Rows)
	}
	whole := one[int64](t, c.app, `SELECT pg_table_size('people') + pg_table_size('notes')`)
	if sum := got.Bytes[3] + got.Bytes[5]; sum < whole*99/100 || sum > whole || got.Bytes[5] > got.Bytes[3]/10 {
		t.Errorf("bytes %v of %d", got.Bytes, whole)
	}
}

func TestTheRowsOfALargeTableAreEstimatedFromAShare(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	s := stage{source: c, p: 3}
	s.populate(t, 4000)
	some := Contents{Rows: make([]int64, testPartitions), Bytes: make([]int64, testPartitions)}
	heap := one[int64](t, c.app, `SELECT pg_relation_size('people')`)
	if err := c.count(t.Context(), some, "people", heap, share(heap, heap/2)); err != nil {
		t.Fatal(err)
	}
	if n := some.Rows[3]; n < 2000 || n > 8000 {
		t.Errorf("%d rows, want 4000 within a factor of two", n)
	}
	if b := some.Bytes[3]; b != heap {
		t.Errorf("%d bytes of %d", b, heap)
	}
}
