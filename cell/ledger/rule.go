package ledger

import (
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

// record is a partition's row, to be decided about.
type record struct{ protocol.Row }

// verdict is what a step does: the row to write, and what else belongs to the same transaction.
type verdict struct {
	was      record // the row as it is; set by judge
	next     record
	fenceFor time.Duration // > 0: the deadline is this long from now, by the database's clock
	empty    bool          // first make sure that the partition has no rows
	wipe     bool          // delete the partition's rows from every tracked table
	forget   bool          // delete what was noted of the partition's rows, and its closing marker
	unmark   bool          // delete the partition's closing marker
	receipt  bool          // store the command's receipt
}

// rule decides one step: a pure function of row and command. What it returns beside a problem means nothing.
type rule func(r record, cmd protocol.Command) (verdict, *protocol.Problem)

// judge checks what every command has in common, then asks the rule. The token rises with every step that is
// allowed, and HighEpoch never falls.
func judge(decide rule, r record, cmd protocol.Command) (verdict, *protocol.Problem) {
	if cmd.Token < r.Token {
		return verdict{}, problem(protocol.CodeStale, r, "token %d is below the row's %d: a newer leader has been here", cmd.Token, r.Token)
	}
	v, refused := decide(r, cmd)
	if refused != nil {
		return verdict{}, refused
	}
	v.was, v.next.Token = r, cmd.Token
	return v, nil
}

// adopt only raises the token.
func adopt(r record, _ protocol.Command) (verdict, *protocol.Problem) { return stay(r) }

// stay is the verdict on a step that was done already.
func stay(r record) (verdict, *protocol.Problem) { return verdict{next: r}, nil }

func problem(code string, r record, format string, args ...any) *protocol.Problem {
	row := r.Row
	return &protocol.Problem{Code: code, Message: fmt.Sprintf(format, args...), Row: &row}
}

// conflict refuses a step from a row that is not in the state, or not of the move, that the command names.
func conflict(r record, cmd protocol.Command, want string) *protocol.Problem {
	named := "no move"
	if r.Move != "" {
		named = "move " + r.Move
	}
	return problem(protocol.CodeConflict, r, "partition %d is %s at epoch %d and names %s; move %s at epoch %d wants it %s",
		r.Partition, r.State, r.Epoch, named, cmd.Move, cmd.Epoch, want)
}

// free clears what names a move.
func (r *record) free() {
	r.Move, r.MoveEpoch, r.PeerAddrs = "", 0, nil
}

// fresh forgets how far an import has come.
func (r *record) fresh() {
	r.Batch, r.Base, r.Mark, r.Copied = 0, "", "", false
}

// complete: with this batch, all rows of the attempt's base are there.
func (v *verdict) complete(base string) { v.next.Mark = base }

// leaving: the row takes part in the command's move as its source.
func (r record) leaving(cmd protocol.Command) bool {
	return r.Busy(cmd.Move) && r.MoveEpoch > r.Epoch && (r.State == protocol.StateOwned || r.State == protocol.StateFenced)
}

// gone: this cell has handed the partition over, in the command's move.
func (r record) gone(cmd protocol.Command) bool {
	return r.State == protocol.StateMoved && r.Epoch == cmd.Epoch && (r.Move == cmd.Move || r.Move == "")
}

// arrived: this cell has become the owner, in the command's move.
func (r record) arrived(cmd protocol.Command) bool {
	return r.State == protocol.StateOwned && r.Epoch == cmd.Epoch
}
