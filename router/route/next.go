package route

import (
	"fmt"
	"time"

	"github.com/cellway/cellway/placement"
)

// Kind says what to do next.
type Kind int

const (
	Send   Kind = iota // to Address, of Cell
	Follow             // remember Owner as Partition's, then ask again (Followed)
	Hold               // wait for Pause, or until the partition's owner is another; then ask again (Again)
	Pass               // the last attempt's answer is the client's
	Refuse             // the client gets Refusal
)

// Action is what to do next with a request.
type Action struct {
	Kind      Kind
	Partition placement.Partition
	Cell      string        // Send: whose instance; Hold: who refused
	Address   string        // Send: host:port
	Owner     Owner         // Follow; Hold: also to be remembered, if it is not the zero value
	Pause     time.Duration // Hold
	Reread    bool          // Hold: have the map read again meanwhile
	Refusal   Refusal       // Refuse
}

// Next says what to do with the request, given what is known and what is left of its hold budget (counted from
// its first refusal). jitter is a random number from 0 to 1.
func (r Request) Next(t *Table, left time.Duration, jitter float64) Action {
	p, ok := t.Partition(r.Key)
	if !ok {
		return refuse(NoMap())
	}
	switch a := r.last; a.Outcome {
	case Answered:
		return Action{Kind: Pass}
	case Refused:
		return r.refused(t, p, left, jitter)
	case Fenced:
		return r.hold(p, left, jitter)
	case Busy:
		return refuse(unavailable(CodeBusy, "as many requests to "+a.Cell+" are in flight as may be"))
	case Lost:
		return r.lostAnswer(t, p)
	case TimedOut:
		if r.Write {
			return refuse(outcomeUnknown(a.Cell, "did not answer in time"))
		}
		return refuse(unavailable(CodeTimedOut, a.Cell+" did not answer in time"))
	case TooLarge:
		return refuse(tooLarge(r.Write, a.Cell))
	default:
		return r.send(t, p)
	}
}

// send tries the owner's next instance. There is no other cell to go to.
func (r Request) send(t *Table, p placement.Partition) Action {
	owner := t.Owner(p)
	if owner.Cell == "" {
		return refuse(unavailable(CodeUnassigned, fmt.Sprintf("partition %d belongs to no cell yet", p)))
	}
	b := t.instances[owner.Cell]
	in, ok := b.pick(r.Spread, r.failed)
	switch {
	case ok:
		return Action{Kind: Send, Partition: p, Cell: owner.Cell, Address: in.Address}
	case len(b.all) == 0:
		return refuse(unavailable(CodeUnavailable, "no instance of "+owner.Cell+" is known"))
	default:
		return refuse(unavailable(CodeUnavailable, "no instance of "+owner.Cell+" answers"))
	}
}

// refused: the cell named an owner that is news, or the map is read again.
func (r Request) refused(t *Table, p placement.Partition, left time.Duration, jitter float64) Action {
	hold := r.hold(p, left, jitter)
	if hold.Kind == Refuse {
		return hold
	}
	hold.Reread = true
	named := r.last.Owner
	if named.Cell == "" || named.Epoch <= t.Owner(p).Epoch || len(t.instances[named.Cell].all) == 0 {
		if owner := t.Owner(p); owner.Cell != r.last.Cell {
			hold.Pause = 0 // the table has moved on since the attempt began
		}
		return hold
	}
	if r.follows >= maxFollows {
		hold.Owner = named
		return hold
	}
	return Action{Kind: Follow, Partition: p, Cell: r.last.Cell, Owner: named}
}

func (r Request) hold(p placement.Partition, left time.Duration, jitter float64) Action {
	if left <= 0 {
		return refuse(unavailable(CodeHeldTooLong, "the customer's partition has been moving for too long; "+r.last.Cell+" was asked last"))
	}
	return Action{Kind: Hold, Partition: p, Cell: r.last.Cell, Pause: min(r.pause(jitter), left)}
}

// lostAnswer: a write that was sent is never sent again.
func (r Request) lostAnswer(t *Table, p placement.Partition) Action {
	if r.Write {
		return refuse(outcomeUnknown(r.last.Cell, "broke off before it answered"))
	}
	again := r.send(t, p)
	if again.Kind == Send || r.lost > 1 {
		return again
	}
	return Action{Kind: Send, Partition: p, Cell: r.last.Cell, Address: r.last.Address}
}

func tooLarge(write bool, cell string) Refusal {
	if write {
		return outcomeUnknown(cell, "answered with more than the router passes on")
	}
	return Refusal{Status: 502, Code: CodeAnswerTooLarge, Error: "Answer too large", Details: cell + " answered with more than the router passes on"}
}

func refuse(r Refusal) Action { return Action{Kind: Refuse, Refusal: r} }
