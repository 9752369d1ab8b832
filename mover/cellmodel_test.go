package mover

import (
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

// modelRow is one partition's row in a model of a cell's database: the same transitions as a real one, without the
// database. What it allows, and what it refuses, is what the mover may count on.
type modelRow struct {
	protocol.Row
	fenceHigh int64
}

// apply does one command about the row; now is the cell's clock. A refusal leaves the row as it is.
func (r modelRow) apply(cell string, verb protocol.Verb, cmd protocol.Command, now time.Time) (modelRow, *protocol.Problem) {
	if cmd.Token < r.Token {
		return r, r.refuse(protocol.CodeStale, "a newer leader has been here")
	}
	next, code := r.transition(cell, verb, cmd, now)
	if code != "" {
		return r, r.refuse(code, string(verb)+" from "+string(r.State))
	}
	next.Token = cmd.Token
	return next, nil
}

func (r modelRow) refuse(code, message string) *protocol.Problem {
	row := r.Row
	return &protocol.Problem{Code: code, Message: message, Row: &row}
}

func (r modelRow) transition(cell string, verb protocol.Verb, cmd protocol.Command, now time.Time) (modelRow, string) {
	switch verb {
	case protocol.VerbAdopt:
		return r, ""
	case protocol.VerbRecord:
		return r.record(cmd)
	case protocol.VerbImport:
		return r.importing(cmd)
	case protocol.VerbClose:
		if !r.leaving(cmd) {
			return r, protocol.CodeConflict
		}
		return r, ""
	case protocol.VerbCopy:
		return r.copyRows(cmd)
	case protocol.VerbCheck:
		if r.State != protocol.StateReady && !r.arrived(cmd) || !r.Busy(cmd.Move) {
			return r, protocol.CodeConflict
		}
		return r, ""
	case protocol.VerbCompare:
		return r.compare(cmd)
	case protocol.VerbFence:
		return r.fence(cmd, now)
	case protocol.VerbPull:
		return r.pull(cmd)
	case protocol.VerbHandover:
		return r.handover(cmd)
	case protocol.VerbOwn:
		return r.own(cmd)
	case protocol.VerbReceipt:
		return r.receipt(cell, cmd)
	case protocol.VerbSweep:
		return r.sweep(cmd)
	case protocol.VerbRelease:
		return r.release(cmd)
	case protocol.VerbClear:
		return r.clear(cmd)
	}
	return r, protocol.CodeInvalid
}

func (r modelRow) leaving(cmd protocol.Command) bool {
	return r.Busy(cmd.Move) && r.MoveEpoch > r.Epoch && (r.State == protocol.StateOwned || r.State == protocol.StateFenced)
}

func (r modelRow) gone(cmd protocol.Command) bool {
	return r.State == protocol.StateMoved && r.Epoch == cmd.Epoch && (r.Move == cmd.Move || r.Move == "")
}

func (r modelRow) arrived(cmd protocol.Command) bool {
	return r.State == protocol.StateOwned && r.Epoch == cmd.Epoch
}

func (r modelRow) free() modelRow {
	r.Move, r.MoveEpoch, r.PeerAddrs = "", 0, nil
	return r
}

func (r modelRow) fresh() modelRow {
	r.Batch, r.Copied = 0, false
	return r
}

func (r modelRow) taking(cmd protocol.Command) bool {
	return r.State == protocol.StateImporting && r.Busy(cmd.Move) && r.MoveEpoch == cmd.Epoch && r.Attempt == cmd.Attempt
}

// copyRows either begins and ends, or takes in what changed; see [modelRow.partly].
func (r modelRow) copyRows(cmd protocol.Command) (modelRow, string) {
	if !r.taking(cmd) || !r.Copied && r.Batch > 0 {
		return r, protocol.CodeConflict
	}
	r.Batch, r.Copied = 1, true
	return r, ""
}

// partly is a copy that broke off.
func (r modelRow) partly() modelRow {
	r.Batch, r.Copied = 1, false
	return r
}

func (r modelRow) compare(cmd protocol.Command) (modelRow, string) {
	if !r.gone(cmd) {
		return r, protocol.CodeConflict
	}
	r.Checked = r.Checked || !r.Swept
	return r, ""
}

func (r modelRow) record(cmd protocol.Command) (modelRow, string) {
	again := r.Busy(cmd.Move) && r.MoveEpoch == cmd.Epoch
	switch {
	case again && (r.leaving(cmd) || r.State == protocol.StateMoved):
		return r, ""
	case r.State == protocol.StateOwned && r.Move == "" && cmd.Epoch > r.HighEpoch:
		r.Move, r.MoveEpoch, r.HighEpoch, r.Peer = cmd.Move, cmd.Epoch, cmd.Epoch, cmd.Peer
		return r, ""
	case cmd.Epoch <= r.HighEpoch && !again:
		return r, protocol.CodeStale
	}
	return r, protocol.CodeConflict
}

func (r modelRow) importing(cmd protocol.Command) (modelRow, string) {
	again := r.State == protocol.StateImporting && r.Move == cmd.Move && r.MoveEpoch == cmd.Epoch
	clean := r.State == protocol.StateAbsent || r.State == protocol.StateMoved && r.Swept
	if !again && cmd.Epoch <= r.HighEpoch {
		return r, protocol.CodeStale
	}
	if !again && !clean {
		return r, protocol.CodeConflict
	}
	r.State, r.Swept = protocol.StateImporting, false
	r.Move, r.MoveEpoch, r.HighEpoch, r.Peer = cmd.Move, cmd.Epoch, max(r.HighEpoch, cmd.Epoch), cmd.Peer
	r.Attempt, r.FenceNo = r.Attempt+1, 0
	return r.fresh(), ""
}

func (r modelRow) fence(cmd protocol.Command, now time.Time) (modelRow, string) {
	if !r.leaving(cmd) {
		return r, protocol.CodeConflict
	}
	if r.State == protocol.StateFenced {
		return r, ""
	}
	r.fenceHigh = max(r.fenceHigh, r.FenceNo) + 1
	r.State, r.FenceNo = protocol.StateFenced, r.fenceHigh
	r.Deadline = now.Add(time.Duration(cmd.FenceMS) * time.Millisecond)
	return r, ""
}

func (r modelRow) pull(cmd protocol.Command) (modelRow, string) {
	ours := r.Busy(cmd.Move) && r.Attempt == cmd.Attempt
	switch {
	case ours && r.State == protocol.StateReady && r.FenceNo == cmd.FenceNo:
		return r, ""
	case ours && r.State == protocol.StateImporting && r.Copied:
		r.State, r.FenceNo = protocol.StateReady, cmd.FenceNo
		return r, ""
	}
	return r, protocol.CodeConflict
}

func (r modelRow) handover(cmd protocol.Command) (modelRow, string) {
	if r.gone(cmd) {
		return r, ""
	}
	if !r.leaving(cmd) || r.State != protocol.StateFenced || r.FenceNo != cmd.FenceNo || r.MoveEpoch != cmd.Epoch {
		return r, protocol.CodeConflict
	}
	r.State, r.Epoch, r.Swept, r.Deadline = protocol.StateMoved, cmd.Epoch, false, time.Time{}
	r.Checked = false
	return r, ""
}

func (r modelRow) own(cmd protocol.Command) (modelRow, string) {
	if r.arrived(cmd) && (r.Move == cmd.Move || r.Move == "") {
		return r, ""
	}
	if r.State != protocol.StateReady || !r.Busy(cmd.Move) || r.MoveEpoch != cmd.Epoch || cmd.FenceNo != 0 && cmd.FenceNo != r.FenceNo {
		return r, protocol.CodeConflict
	}
	r.State, r.Epoch, r.Copied = protocol.StateOwned, cmd.Epoch, false
	return r, ""
}

func (r modelRow) receipt(cell string, cmd protocol.Command) (modelRow, string) {
	if cmd.Receipt.To != cell {
		if !r.gone(cmd) {
			return r, protocol.CodeConflict
		}
		return r, ""
	}
	if !r.arrived(cmd) {
		return r, protocol.CodeConflict
	}
	if r.Move == cmd.Move {
		r = r.free()
		r.Peer = ""
	}
	return r, ""
}

func (r modelRow) sweep(cmd protocol.Command) (modelRow, string) {
	if !r.gone(cmd) {
		return r, protocol.CodeConflict
	}
	if !r.Checked && !r.Swept {
		return r, protocol.CodeConflict
	}
	r.Swept, r.Checked = true, false
	return r.free(), ""
}

func (r modelRow) release(cmd protocol.Command) (modelRow, string) {
	switch {
	case r.gone(cmd), r.arrived(cmd):
		return r, protocol.CodeConflict
	case !r.Busy(cmd.Move):
		r.HighEpoch = max(r.HighEpoch, cmd.Epoch)
		return r, ""
	case !r.leaving(cmd):
		return r, protocol.CodeConflict
	}
	r.State, r.Deadline, r.Peer = protocol.StateOwned, time.Time{}, ""
	r.HighEpoch = max(r.HighEpoch, cmd.Epoch)
	return r.free(), ""
}

func (r modelRow) clear(cmd protocol.Command) (modelRow, string) {
	switch {
	case r.gone(cmd), r.arrived(cmd):
		return r, protocol.CodeConflict
	case !r.Busy(cmd.Move):
		r.HighEpoch = max(r.HighEpoch, cmd.Epoch)
		return r, ""
	case r.State != protocol.StateImporting && r.State != protocol.StateReady:
		return r, protocol.CodeConflict
	case cmd.Attempt != 0 && cmd.Attempt != r.Attempt:
		return r, protocol.CodeConflict
	}
	r.State, r.FenceNo, r.Peer = protocol.StateAbsent, 0, ""
	r = r.fresh()
	r.HighEpoch = max(r.HighEpoch, cmd.Epoch)
	return r.free(), ""
}

// selfRelease opens a source whose fence has passed its deadline; it names its move still.
func (r modelRow) selfRelease() modelRow {
	if r.State == protocol.StateFenced {
		r.State, r.Deadline = protocol.StateOwned, time.Time{}
	}
	return r
}
