package explore

import (
	"errors"
	"testing"
	"time"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
)

func TestEveryState(t *testing.T) {
	for _, b := range configurations {
		t.Run(b.Name, func(t *testing.T) {
			began := time.Now()
			r, err := Explore(b, ledger.Decide)
			t.Logf("%d states, %d steps, done in %d, undone in %d, %v", r.States, r.Steps, r.Done, r.Undone, time.Since(began).Round(time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			if r.Done == 0 || r.Undone == 0 {
				t.Error("the last move never ended both ways: the explorer did not go far")
			}
			t.Log(r.Seen)
		})
	}
}

var configurations = []Bounds{
	{Name: "one move, writes of all kinds", Cells: 2, Moves: 1, Leaders: 1, Copies: 1, Fencings: 1, Attempts: 1, Batches: 5, Writes: 2, Deletes: true, Open: true, MaxStates: 2e6},
	{Name: "late commands", Cells: 2, Moves: 1, Leaders: 1, Late: 1, Copies: 1, Fencings: 2, Attempts: 2, Batches: 5, Writes: 1, Deletes: true, MaxStates: 2e6},
	{Name: "two leaders at once", Cells: 2, Moves: 1, Leaders: 2, Zombies: true, Copies: 1, Fencings: 1, Attempts: 1, Batches: 4, Writes: 1, MaxStates: 2e6},
	{Name: "two copies at once", Cells: 2, Moves: 1, Leaders: 1, Late: 1, Copies: 2, Fencings: 1, Attempts: 2, Batches: 4, Writes: 0, MaxStates: 2e6},
	{Name: "three moves", Cells: 3, Moves: 3, Leaders: 1, Copies: 1, Fencings: 2, Attempts: 1, Batches: 4, Writes: 0, MaxStates: 2e6},
	{Name: "late commands of one move in the next", Cells: 2, Moves: 2, Leaders: 1, Late: 1, Copies: 1, Fencings: 1, Attempts: 1, Batches: 4, Writes: 1, MaxStates: 2e6},
	{Name: "late commands over three moves", Cells: 3, Moves: 3, Leaders: 1, Late: 1, Copies: 1, Fencings: 1, Attempts: 1, Batches: 4, Writes: 0, MaxStates: 2e6},
	{Name: "two leaders over two moves", Cells: 2, Moves: 2, Leaders: 2, Zombies: true, Copies: 1, Fencings: 1, Attempts: 1, Batches: 4, Writes: 0, MaxStates: 2e6},
	{Name: "three leaders at once, and late commands", Cells: 2, Moves: 1, Leaders: 3, Late: 1, Zombies: true, Copies: 1, Fencings: 1, Attempts: 1, Batches: 4, Writes: 0, MaxStates: 2e6},
}

// planted are faults of single rules that the explorer has to find.
var planted = []struct {
	name  string
	wrong Decide
}{
	{"undo leaves no epoch behind", func(cell string, d ledger.Deed, row protocol.Row, cmd protocol.Command) (ledger.Decision, error) {
		got, err := ledger.Decide(cell, d, row, cmd)
		if d.Verb == protocol.VerbClear || d.Verb == protocol.VerbRelease {
			got.Row.HighEpoch = row.HighEpoch
			if row.Move != "" {
				got.Row.HighEpoch = row.Epoch
			}
		}
		return got, err
	}},
	{"step 8 does not name its fencing", func(cell string, d ledger.Deed, row protocol.Row, cmd protocol.Command) (ledger.Decision, error) {
		if d.Verb == protocol.VerbHandover {
			cmd.FenceNo = row.FenceNo
		}
		return ledger.Decide(cell, d, row, cmd)
	}},
	{"tokens are not compared", func(cell string, d ledger.Deed, row protocol.Row, cmd protocol.Command) (ledger.Decision, error) {
		cmd.Token = max(cmd.Token, row.Token)
		return ledger.Decide(cell, d, row, cmd)
	}},
	{"batches are not counted", func(cell string, d ledger.Deed, row protocol.Row, cmd protocol.Command) (ledger.Decision, error) {
		if d.Verb == protocol.VerbCopy && d.Part != ledger.PartWhole {
			d.Before = row.Batch
			d.Mark = row.Mark
		}
		return ledger.Decide(cell, d, row, cmd)
	}},
}

func TestPlantedFaultsAreFound(t *testing.T) {
	for _, p := range planted {
		t.Run(p.name, func(t *testing.T) {
			for _, b := range configurations {
				if _, err := Explore(b, p.wrong); err != nil && !errors.Is(err, ErrUnexhausted) {
					t.Log(err)
					return
				}
			}
			t.Error("not found")
		})
	}
}
