package explore

import (
	"fmt"
	"strconv"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Decide judges one deed on a row; [ledger.Decide] is the one that ships.
type Decide func(cell string, d ledger.Deed, row protocol.Row, cmd protocol.Command) (ledger.Decision, error)

// act is a deed and its command, in numbers.
type act struct {
	verb                                  verb
	part                                  part
	cell, peer, move, token, fence, tries uint8
	before, base, mark, next              uint8
}

type part uint8

const (
	whole part = iota
	batch
	last
	round
	counted
	reads
)

var parts = [...]ledger.Part{"", ledger.PartBatch, ledger.PartLast, ledger.PartRound, ledger.PartWhole, ledger.PartReads}

type verb uint8

const (
	adopt verb = iota + 1
	record
	importing
	copying
	fence
	pull
	handover
	own
	receipt
	compare
	sweep
	release
	clearing
)

var verbs = [...]protocol.Verb{
	"", protocol.VerbAdopt, protocol.VerbRecord, protocol.VerbImport, protocol.VerbCopy, protocol.VerbFence, protocol.VerbPull,
	protocol.VerbHandover, protocol.VerbOwn, protocol.VerbReceipt, protocol.VerbCompare, protocol.VerbSweep, protocol.VerbRelease, protocol.VerbClear,
}

// rowID stands for a row; every row that comes up is kept once.
type rowID uint16

// judged is what was decided before: rules are pure.
type judged struct {
	row                 rowID
	done                bool // not refused
	empty, wipe, forget bool
}

type question struct {
	row rowID
	act act
}

// rows keeps the rows that came up, and what was decided about them.
type rows struct {
	decide Decide
	all    []protocol.Row
	byText map[string]rowID
	memo   map[question]judged
	broken error // something that never falls has fallen
}

func newRows(decide Decide) *rows {
	return &rows{decide: decide, byText: map[string]rowID{}, memo: map[question]judged{}}
}

func (k *rows) id(r protocol.Row) rowID {
	text := fmt.Sprintf("%+v", r)
	id, ok := k.byText[text]
	if !ok {
		id = rowID(len(k.all))
		k.byText[text], k.all = id, append(k.all, r)
	}
	return id
}

func (k *rows) row(id rowID) *protocol.Row { return &k.all[id] }

// ask has the ledger's rules decide.
func (k *rows) ask(id rowID, a act) judged {
	q := question{id, a}
	if j, ok := k.memo[q]; ok {
		return j
	}
	was := k.all[id]
	d, err := k.decide(cellName(a.cell), ledger.Deed{
		Verb: verbs[a.verb], Part: parts[a.part], Before: int64(a.before),
		Base: snapshotText(a.base), Mark: snapshotText(a.mark), Next: snapshotText(a.next),
	}, was, command(a))
	j := judged{row: id}
	if err == nil {
		j = judged{row: k.id(d.Row), done: true, empty: d.Empty, wipe: d.Wipe, forget: d.Forget}
		k.neverFalls(was, d)
	}
	k.memo[q] = j
	return j
}

func (k *rows) neverFalls(was protocol.Row, d ledger.Decision) {
	is := d.Row
	switch {
	case is.Epoch < was.Epoch, is.HighEpoch < was.HighEpoch, is.Token < was.Token, is.Attempt < was.Attempt:
		k.broken = fmt.Errorf("epoch, token or attempt fell: %+v, then %+v", was, is)
	case d.Wipe && (was.State == protocol.StateOwned || was.State == protocol.StateFenced):
		k.broken = fmt.Errorf("rows are wiped where they are owned: %+v", was)
	case d.Wipe && was.State == protocol.StateMoved && !was.Checked:
		k.broken = fmt.Errorf("rows are swept that were not compared once more: %+v", was)
	}
}

func command(a act) protocol.Command {
	return protocol.Command{
		Move: moveName(a.move), Epoch: epochOf(a.move), Token: uint64(a.token), Peer: cellName(a.peer),
		FenceNo: int64(a.fence), Attempt: int64(a.tries), FenceMS: 1, Receipt: &protocol.Receipt{To: cellName(a.cell)},
	}
}

// A snapshot shows a set of writes: the bits of a number.
func snapshotText(shown uint8) string {
	if shown == 0 {
		return ""
	}
	return strconv.Itoa(int(shown))
}

func shownBy(text string) uint8 {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0 // "": nothing yet
	}
	return uint8(n)
}

func moveName(n uint8) string {
	if n == 0 {
		return ""
	}
	return "m" + strconv.Itoa(int(n))
}

// firstEpoch is that of the first owner; moves are journalled one above the other.
const firstEpoch = 1

func epochOf(move uint8) placement.Epoch { return firstEpoch + placement.Epoch(move) }

func cellName(n uint8) string { return "cell-" + strconv.Itoa(int(n)) }

// selfReleased is what the cell's own UPDATE does to a row whose fence has run out: the one change of a row that is no
// rule but a statement (ledger.SelfRelease).
func selfReleased(r protocol.Row) protocol.Row {
	r.State, r.ReadFence = protocol.StateOwned, 0
	return r
}
