package ledger

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// The commands of the tables below are of move "m" at epoch 7, with token 5, fence number 4 and attempt 2.
var steps = []struct {
	name string
	rule rule
}{
	{"adopt", adopt},
	{"record", recordMove},
	{"import", importing},
	{"fence", fence},
	{"reads", markReads},
	{"handover", handover},
	{"pull", pull("mark", "next")},
	{"own", own},
	{"receipt at source", receiptAt("cell-a")},
	{"receipt at target", receiptAt("cell-b")},
	{"compare", compared},
	{"sweep", sweep},
	{"release", release},
	{"clear", clearImport},
}

func commandOf(move string, epoch placement.Epoch, token uint64) protocol.Command {
	return protocol.Command{
		Move: move, Epoch: epoch, Token: token, Peer: "cell-x", FenceNo: 4, Attempt: 2, FenceMS: 1000,
		Receipt: &protocol.Receipt{Move: move, From: "cell-a", To: "cell-b"},
	}
}

func rowIn(state protocol.State, move string, moveEpoch, epoch, high placement.Epoch) record {
	r := record{Row: protocol.Row{
		State: state, Move: move, MoveEpoch: moveEpoch, Epoch: epoch, HighEpoch: high,
		Token: 5, FenceNo: 4, Attempt: 2, Peer: "cell-x",
	}}
	if state == protocol.StateFenced {
		r.Deadline = time.Unix(1, 0)
	}
	return r
}

// rows a partition can have, by what they are in respect of move m.
func situations() map[string]record {
	closed := rowIn(protocol.StateFenced, "m", 7, 3, 7)
	closed.ReadFence = 4
	checked := rowIn(protocol.StateMoved, "m", 7, 7, 7)
	checked.Checked = true
	whole := rowIn(protocol.StateImporting, "m", 7, 0, 7)
	whole.Base, whole.Mark, whole.Batch, whole.Copied = "base", "mark", 3, true
	swept := func(epoch placement.Epoch) record {
		r := rowIn(protocol.StateMoved, "", 0, epoch, epoch)
		r.Swept = true
		return r
	}
	return map[string]record{
		"never owned":       rowIn(protocol.StateAbsent, "", 0, 0, 0),
		"undone here":       rowIn(protocol.StateAbsent, "", 0, 0, 7),
		"swept before":      swept(3),
		"owned":             rowIn(protocol.StateOwned, "", 0, 3, 3),
		"released":          rowIn(protocol.StateOwned, "", 0, 3, 7),
		"recorded":          rowIn(protocol.StateOwned, "m", 7, 3, 7),
		"fenced":            rowIn(protocol.StateFenced, "m", 7, 3, 7),
		"fenced, reads too": closed,
		"handed over":       rowIn(protocol.StateMoved, "m", 7, 7, 7),
		"swept":             swept(7),
		"compared":          checked,
		"copied":            whole,
		"importing":         rowIn(protocol.StateImporting, "m", 7, 0, 7),
		"ready":             rowIn(protocol.StateReady, "m", 7, 0, 7),
		"arrived":           rowIn(protocol.StateOwned, "m", 7, 7, 7),
		"finished":          rowIn(protocol.StateOwned, "", 0, 7, 7),
		"other recorded":    rowIn(protocol.StateOwned, "x", 6, 3, 6),
		"other fenced":      rowIn(protocol.StateFenced, "x", 6, 3, 6),
		"other handed over": rowIn(protocol.StateMoved, "x", 6, 6, 6),
		"other importing":   rowIn(protocol.StateImporting, "x", 6, 0, 6),
		"other ready":       rowIn(protocol.StateReady, "x", 6, 0, 6),
		"other arrived":     rowIn(protocol.StateOwned, "x", 6, 6, 6),
	}
}

// outcomes: "=" the row is as before; "+" only its highest epoch rises; "C" conflict; "S" stale; else the new state.
const outcomes = `
                  | adopt | record | import    | fence  | reads  | handover | pull  | own   | receipt at source | receipt at target | compare | sweep | release | clear
never owned       | =     | C      | importing | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
undone here       | =     | S      | S         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | =       | =
swept before      | =     | C      | importing | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
owned             | =     | owned  | C         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
released          | =     | S      | S         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | =       | =
recorded          | =     | =      | S         | fenced | C      | C        | C     | C     | C                 | C                 | C       | C     | owned   | C
fenced            | =     | =      | S         | =      | fenced | C        | C     | C     | C                 | C                 | C       | C     | owned   | C
fenced, reads too | =     | =      | S         | =      | =      | moved    | C     | C     | C                 | C                 | C       | C     | owned   | C
handed over       | =     | =      | S         | C      | C      | =        | C     | C     | =                 | C                 | moved   | C     | C       | C
compared          | =     | =      | S         | C      | C      | =        | C     | C     | =                 | C                 | =       | moved | C       | C
swept             | =     | S      | S         | C      | C      | =        | C     | C     | =                 | C                 | =       | =     | C       | C
importing         | =     | C      | importing | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | C       | absent
copied            | =     | C      | importing | C      | C      | C        | ready | C     | C                 | C                 | C       | C     | C       | absent
ready             | =     | C      | S         | C      | C      | C        | =     | owned | C                 | C                 | C       | C     | C       | absent
arrived           | =     | C      | S         | C      | C      | C        | C     | =     | C                 | owned             | C       | C     | C       | C
finished          | =     | S      | S         | C      | C      | C        | C     | =     | C                 | =                 | C       | C     | C       | C
other recorded    | =     | C      | C         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
other fenced      | =     | C      | C         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
other handed over | =     | C      | C         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
other importing   | =     | C      | C         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
other ready       | =     | C      | C         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +
other arrived     | =     | C      | C         | C      | C      | C        | C     | C     | C                 | C                 | C       | C     | +       | +`

// eachOutcome calls fn with every cell of the table.
func eachOutcome(t *testing.T, fn func(t *testing.T, r record, decide rule, want string)) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(outcomes), "\n")[1:]
	rows := situations()
	if len(lines) != len(rows) {
		t.Fatalf("%d situations in the table, %d known", len(lines), len(rows))
	}
	for _, line := range lines {
		fields := strings.Split(line, "|")
		name := strings.TrimSpace(fields[0])
		r, ok := rows[name]
		if !ok || len(fields) != len(steps)+1 {
			t.Fatalf("malformed line %q", line)
		}
		for i, s := range steps {
			t.Run(name+"/"+s.name, func(t *testing.T) { fn(t, r, s.rule, strings.TrimSpace(fields[i+1])) })
		}
	}
}

func TestEveryStepIsAllowedFromItsStatesOnly(t *testing.T) {
	eachOutcome(t, func(t *testing.T, r record, decide rule, want string) {
		v, problem := judge(decide, r, commandOf("m", 7, 6))
		if got := outcome(r, v, problem); got != want {
			t.Fatalf("got %s (%v), want %s", got, problem, want)
		}
		if problem != nil && (problem.Row == nil || problem.Row.State != r.State) {
			t.Error("the problem does not carry the row as it is")
		}
		if problem == nil && v.next.Token != 6 {
			t.Error("the row did not learn the token")
		}
	})
}

func outcome(r record, v verdict, problem *protocol.Problem) string {
	if problem != nil {
		return map[string]string{protocol.CodeConflict: "C", protocol.CodeStale: "S"}[problem.Code]
	}
	v.next.Token = r.Token
	raised := r
	raised.HighEpoch = 7
	switch {
	case reflect.DeepEqual(v.next, r):
		return "="
	case reflect.DeepEqual(v.next, raised):
		return "+"
	}
	return string(v.next.State)
}

func TestALowerTokenIsRefusedByEveryStepInEveryState(t *testing.T) {
	eachOutcome(t, func(t *testing.T, r record, decide rule, _ string) {
		if _, problem := judge(decide, r, commandOf("m", 7, 4)); problem == nil || problem.Code != protocol.CodeStale {
			t.Fatalf("got %v", problem)
		}
	})
}

func TestAStepThatWasDoneCanBeRepeated(t *testing.T) {
	eachOutcome(t, func(t *testing.T, r record, decide rule, want string) {
		cmd := commandOf("m", 7, 5)
		first, problem := judge(decide, r, cmd)
		if problem != nil {
			return // covered by the table
		}
		again, problem := judge(decide, first.next, cmd)
		if problem != nil {
			t.Fatal(problem)
		}
		if want == "importing" {
			if again.next.Attempt != first.next.Attempt+1 {
				t.Fatal("a repeated import draws no new attempt")
			}
			return
		}
		if !reflect.DeepEqual(again.next, first.next) {
			t.Fatalf("the repetition changed %+v into %+v", first.next, again.next)
		}
	})
}

func TestAnotherMovesCommandChangesNothingButTheHighestEpoch(t *testing.T) {
	eachOutcome(t, func(t *testing.T, r record, decide rule, _ string) {
		if r.Move == "" {
			return
		}
		v, problem := judge(decide, r, commandOf("y", 9, 5))
		if problem != nil {
			return
		}
		v.next.HighEpoch = r.HighEpoch
		if !reflect.DeepEqual(v.next, r) {
			t.Fatalf("a command of move y changed %+v into %+v", r, v.next)
		}
	})
}

func TestALowerEpochMovesNothing(t *testing.T) {
	eachOutcome(t, func(t *testing.T, r record, decide rule, _ string) {
		cmd := commandOf("late", 2, 5)
		v, problem := judge(decide, r, cmd)
		if problem != nil {
			return
		}
		if r.HighEpoch >= 2 && !reflect.DeepEqual(v.next, r) {
			t.Fatalf("epoch 2 changed %+v into %+v", r, v.next)
		}
	})
}

func TestTheHandoverNamesItsFencing(t *testing.T) {
	r := situations()["fenced, reads too"]
	cmd := commandOf("m", 7, 6)
	cmd.FenceNo = r.FenceNo
	if v, problem := judge(handover, r, cmd); problem != nil || v.next.State != protocol.StateMoved {
		t.Errorf("under its own number: %v", problem)
	}
	cmd.FenceNo = r.FenceNo - 1
	if _, problem := judge(handover, r, cmd); problem == nil || problem.Code != protocol.CodeConflict {
		t.Errorf("under an earlier fencing's number: %v", problem)
	}
}
