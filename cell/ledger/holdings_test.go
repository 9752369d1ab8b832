package ledger

import (
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
)

func TestHoldingsCountEveryRowAndFindTheMisfiled(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	s := stage{source: c, p: 3}
	s.populate(t, 20) // each with a note
	c.person(t, 5, 0)
	got, err := c.Holdings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Cell != "cell-a" || len(got.Partitions) != testPartitions || got.Partitions[5].State != protocol.StateOwned {
		t.Errorf("cell %s, %d partitions", got.Cell, len(got.Partitions))
	}
	people := got.Tables["people"]
	if people[3] != 20 || people[5] != 1 || len(people) != 2 || got.Tables["notes"][3] != 20 || len(got.Misfiled) != 0 {
		t.Errorf("rows %v, misfiled %v", got.Tables, got.Misfiled)
	}

	// Past every trigger, as nothing but a superuser can.
	exec(t, c.admin, `ALTER TABLE `+c.schema+`.people DISABLE TRIGGER USER`)
	exec(t, c.admin, `UPDATE `+c.schema+`.people SET cellway_partition = 6 WHERE cellway_partition = 5`)
	got, err = c.Holdings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Misfiled["people"] != 1 || got.Tables["people"][6] != 1 {
		t.Errorf("rows %v, misfiled %v", got.Tables["people"], got.Misfiled)
	}
}
