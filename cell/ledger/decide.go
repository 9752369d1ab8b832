package ledger

import (
	"fmt"

	"github.com/cellway/cellway/internal/protocol"
)

// Part tells apart the transactions of a step that has several.
type Part string

// The parts of a step; none for a step of one transaction.
const (
	PartBatch Part = "batch" // copy: a batch of what is there
	PartLast  Part = "last"  // copy: the batch after which all of it is there
	PartRound Part = "round" // copy: what has changed since
	PartWhole Part = "whole" // copy: both sides have counted the same
	PartReads Part = "reads" // handover: reads are closed
)

// Deed is one transaction that a command does on a partition's row; what the row is asked beside the command, where a
// step takes rows in.
type Deed struct {
	Verb             protocol.Verb
	Part             Part
	Before           int64  // batches that the attempt has had
	Base, Mark, Next string // snapshots of the source
}

// Decision is what a deed makes of the row, and what it does with the partition's rows in the same transaction.
type Decision struct {
	Row    protocol.Row
	Empty  bool // the partition must have no rows here
	Wipe   bool // the partition's rows are deleted
	Forget bool // what was noted of them is deleted
}

// Decide is the judgement of the named cell's ledger about one deed, without a database: the rules that its steps ask
// under the row's lock, and nothing else. A refusal is a *protocol.Problem.
func Decide(cell string, d Deed, row protocol.Row, cmd protocol.Command) (Decision, error) {
	decide, ok := ruleOf(cell, d)
	if !ok {
		return Decision{}, invalid("no such deed: %s %s", d.Verb, d.Part)
	}
	v, refused := judge(decide, record{row}, cmd)
	if refused != nil {
		return Decision{}, refused
	}
	if d.Part == PartLast {
		v.complete(d.Base)
	}
	return Decision{Row: v.next.Row, Empty: v.empty, Wipe: v.wipe, Forget: v.forget}, nil
}

// ruleOf names the rule of every deed.
func ruleOf(cell string, d Deed) (rule, bool) {
	if d.Verb == protocol.VerbCopy {
		return ruleOfCopy(d)
	}
	if d.Verb == protocol.VerbHandover && d.Part == PartReads {
		return markReads, true
	}
	decide, ok := map[protocol.Verb]rule{
		protocol.VerbAdopt:    adopt,
		protocol.VerbRecord:   recordMove,
		protocol.VerbImport:   importing,
		protocol.VerbFence:    fence,
		protocol.VerbPull:     pull(d.Mark, d.Next),
		protocol.VerbHandover: handover,
		protocol.VerbOwn:      own,
		protocol.VerbReceipt:  receiptAt(cell),
		protocol.VerbCompare:  compared,
		protocol.VerbSweep:    sweep,
		protocol.VerbRelease:  release,
		protocol.VerbClear:    clearImport,
	}[d.Verb]
	return decide, ok
}

func ruleOfCopy(d Deed) (rule, bool) {
	switch d.Part {
	case PartBatch, PartLast:
		return copyBatch(d.Before, d.Base), true
	case PartRound:
		return catchUp(d.Before, d.Mark, d.Next), true
	case PartWhole:
		return copied(d.Before, d.Mark), true
	}
	return nil, false
}

// Gives says whether a source whose row is this gives out the rows that are wanted: nil, or a *protocol.Problem.
func Gives(row protocol.Row, wanted protocol.Wanted) error {
	r, cmd := record{row}, protocol.Command{Move: wanted.Move, FenceNo: wanted.FenceNo}
	if !r.leaving(cmd) {
		return conflict(r, cmd, "owned or fenced, and naming this move")
	}
	if wanted.FenceNo != 0 && (r.State != protocol.StateFenced || r.FenceNo != wanted.FenceNo) {
		return conflict(r, cmd, fmt.Sprintf("fenced under number %d", wanted.FenceNo))
	}
	return nil
}
