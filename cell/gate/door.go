package gate

import (
	"sync"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// door is one partition's part of the gate.
type door struct {
	mu      sync.Mutex
	version uint64 // rises with every close and every row: a load that began before is void

	state     protocol.State  // "" while not known
	epoch     placement.Epoch // of the last change of owner that the row tells of
	peer      string          // moved: the new owner
	fenceNo   int64
	readFence int64

	writesUntil time.Time // closed for writes until then
	fencedSince bool      // a fence was seen since writes were closed: its end opens the door
	readsFor    int64     // closed for reads, for this fence number; 0: not

	changed chan struct{} // closed when the door may judge otherwise; nil while nobody lingers

	reads, writes flights
}

// verdict is what a door says of a request.
type verdict int

const (
	admit   verdict = iota
	fenced          // a move is in progress; it lasts for milliseconds
	foreign         // another cell's, or nobody's
	unknown         // the row has not been read
)

// judge decides from the door's state alone. The caller holds mu.
func (d *door) judge(write bool, now time.Time) verdict {
	switch d.state {
	case protocol.StateOwned:
		if d.readsFor != 0 || write && now.Before(d.writesUntil) {
			return fenced
		}
		return admit
	case protocol.StateFenced:
		if write || d.readsFor != 0 || d.readFence == d.fenceNo {
			return fenced
		}
		return admit
	case protocol.StateImporting, protocol.StateReady:
		return fenced
	case protocol.StateMoved, protocol.StateAbsent:
		return foreign
	}
	return unknown
}

// sight is what a request saw of the door that refused it.
type sight struct {
	state protocol.State
	peer  string
	epoch placement.Epoch
}

// enter admits the request, which then has to leave, or says why not. Where the door is closed for a move, it also returns
// what is closed when that changes.
func (d *door) enter(f *flight) (verdict, sight, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.judge(f.write, f.since)
	if v == admit {
		d.side(f.write).add(f)
		return admit, sight{}, nil
	}
	if v == fenced && d.changed == nil {
		d.changed = make(chan struct{})
	}
	return v, sight{d.state, d.peer, d.epoch}, d.changed
}

// leave ends a request that was admitted.
func (d *door) leave(f *flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.side(f.write).remove(f)
}

func (d *door) side(write bool) *flights {
	if write {
		return &d.writes
	}
	return &d.reads
}

func (d *door) known() protocol.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// forget makes the door know nothing, and voids every load that has begun. Closed it stays.
func (d *door) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version++
	d.state = ""
	d.tell()
}

// put makes a row the door's state. The caller holds mu and has seen that the row is newer than what is there.
func (d *door) put(row protocol.Row) {
	d.version++
	d.state, d.epoch, d.peer = row.State, row.Epoch, row.Peer
	d.fenceNo, d.readFence = row.FenceNo, row.ReadFence
	if row.State == protocol.StateFenced {
		d.fencedSince = true
	} else if d.fencedSince {
		d.fencedSince, d.writesUntil = false, time.Time{}
	}
	stillClosed := row.State == protocol.StateFenced && row.FenceNo == d.readsFor && row.ReadFence == d.readsFor
	if !stillClosed {
		d.readsFor = 0
	}
	d.tell()
}
