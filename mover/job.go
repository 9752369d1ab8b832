package mover

import (
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var (
	// errTermOver: a cell has seen a higher leader's token than this term's.
	errTermOver = errors.New("a cell has obeyed a newer leader")
	// errOutOfReach: no instance of the cell answered.
	errOutOfReach = errors.New("out of reach")
	// errHalted: the rows contradict each other.
	errHalted = errors.New("halted")
	// errDiffers: source and target counted different contents.
	errDiffers = errors.New("source and target differ")
)

// maxFencings is how often one move may fence its source in vain: its customers have waited every time.
const maxFencings = 5

// hookError carries the hook's wish to stop to the end of Run.
type hookError struct{ error }

// Unwrap gives what the hook returned.
func (e hookError) Unwrap() error { return e.error }

// job is one move in the leader's hands: the journal's record, and what is worth remembering between two
// attempts. Nothing in it decides what comes next (that is Next): if it is lost with the leader, numbers for
// people are lost, no more. A job is a value: the loop's, or a worker's copy of it.
type job struct {
	mv     registry.Move
	above  placement.Epoch // the highest epoch that the rows have shown for the partition
	opened bool            // the journal has the move
	stale  bool            // an answer of the registry was lost: read the record again
	past   bool            // the point of no return was seen behind it

	failures int
	failing  time.Time // of the first failure
	giveUp   string    // why it shall be undone, if it can still be
	reason   string    // why it waits, for people
	halted   bool
	alarm    bool // the sides differ past the point of no return
	report   bool // the journal should say what is in mv.Error
	wish     *wish

	fencings  int       // how often customers have waited for it
	closedAt  time.Time // when its gates began to close
	flippedAt time.Time
	sourceSum []protocol.Digest
	targetSum []protocol.Digest
}

// failed takes in the error that ended an attempt and says how long to wait before the next.
func (j job) failed(err error, cfg Config, now time.Time) (job, time.Duration) {
	j.failures++
	if j.failing.IsZero() {
		j.failing = now
	}
	j.reason = err.Error()
	j.halted = errors.Is(err, errHalted)
	differ := protocol.CodeOf(err) == protocol.CodeDiffers || errors.Is(err, errDiffers)
	switch code := protocol.CodeOf(err); {
	case code == protocol.CodeBusy:
		j.mv.Tries++
		if j.mv.Tries >= cfg.ReportAfter {
			j.mv.Error = fmt.Sprintf("after %d tries: %s", j.mv.Tries, err)
		}
		j.report = j.mv.Tries == cfg.ReportAfter
	case code == protocol.CodeLocked, code == protocol.CodeReplica:
		// Who holds it up is told at once, and now and then again: by then others may.
		j.report = j.mv.Error == "" || j.failures%cfg.ReportAfter == 0
		j.mv.Error = err.Error()
	case differ && j.past:
		j.report = !j.alarm
		j.halted, j.alarm = true, true
		j.mv.Error = "the source's rows are kept: " + err.Error()
	case differ, code == protocol.CodeCatalog:
		j.giveUp = err.Error()
	}
	switch {
	case j.giveUp != "":
	case now.Sub(j.failing) >= cfg.GiveUpAfter:
		j.giveUp = fmt.Sprintf("no success in %s: %s", cfg.GiveUpAfter, err)
	case j.fencings >= maxFencings:
		j.giveUp = fmt.Sprintf("fenced %d times in vain: %s", j.fencings, err)
	}
	if j.halted {
		return j, growing(cfg.Rest, cfg.RestMax, j.failures)
	}
	return j, growing(cfg.RetryPause, cfg.RetryPauseMax, j.failures)
}

// mustTurnBack: the journal should say undoing now. Whether the move is past the point of no return after all is
// seen in the rows afterwards.
func (j job) mustTurnBack() bool {
	return j.giveUp != "" && j.mv.State == registry.MoveOpen && !j.past
}

// checksum is the digests of one side in one line; rows is their sum.
func checksum(digests []protocol.Digest) (line string, rows int64) {
	for i, d := range digests {
		if i > 0 {
			line += " "
		}
		line += fmt.Sprintf("%s:%d:%s", d.Table, d.Rows, d.Sum)
		rows += d.Rows
	}
	return line, rows
}

// compare names the first table in which the two sides differ.
func compare(source, target []protocol.Digest) error {
	if len(source) != len(target) {
		return fmt.Errorf("%w: %d tables and %d", errDiffers, len(source), len(target))
	}
	for i, s := range source {
		if s != target[i] {
			return fmt.Errorf("%w: table %s: %d rows and %d, or other contents", errDiffers, s.Table, s.Rows, target[i].Rows)
		}
	}
	return nil
}
