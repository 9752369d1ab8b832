package protocol

import (
	"encoding/json"
	"time"

	"github.com/cellway/cellway/placement"
)

// State is the state of a partition in one cell's database.
type State string

const (
	StateAbsent    State = "absent"    // nothing here, never was, or an import was undone
	StateImporting State = "importing" // target of a move: rows may be partial
	StateReady     State = "ready"     // target of a move: complete and verified, waiting for the source's word
	StateOwned     State = "owned"     // the only state in which rows may be written
	StateFenced    State = "fenced"    // source of a move: complete, frozen; opens again at its deadline
	StateMoved     State = "moved"     // handed over; Swept says whether the rows are gone
)

// Row is a partition's row in a cell's database: the truth about a move's progress.
type Row struct {
	Partition placement.Partition `json:"partition"`
	State     State               `json:"state"`
	Epoch     placement.Epoch     `json:"epoch"`      // of the last change of ownership that this cell took part in
	HighEpoch placement.Epoch     `json:"high_epoch"` // the highest epoch seen, undone moves included; never falls
	Token     uint64              `json:"token"`      // the highest leader's token seen; never falls
	FenceNo   int64               `json:"fence_no"`   // source: number of the last fencing; target, ready: the one it names
	ReadFence int64               `json:"read_fence"` // source: reads are closed for this fencing; 0 when open
	Move      string              `json:"move"`       // ID of the move in progress; "" when none
	MoveEpoch placement.Epoch     `json:"move_epoch"` // epoch of that move, as steps 2 and 3 wrote it; 0 when none
	Peer      string              `json:"peer"`       // the move's other cell; for moved: the new owner
	PeerAddrs []string            `json:"peer_addrs"` // target: internal addresses of the source's instances
	Attempt   int64               `json:"attempt"`    // target: number of this import; never falls
	Batch     int64               `json:"batch"`      // target: batches committed in this attempt
	Base      string              `json:"base"`       // target: the source's snapshot that this attempt copies; "" before its first batch
	Mark      string              `json:"mark"`       // target: the source's snapshot that the rows are at, once all of Base is there
	Copied    bool                `json:"copied"`     // target: copied, and compared as a whole, in this attempt
	Checked   bool                `json:"checked"`    // source, moved: its rows were compared once more
	Deadline  time.Time           `json:"deadline,omitzero"`
	Swept     bool                `json:"swept"` // moved: the rows are gone
}

// Busy reports whether the row takes part in the move.
func (r Row) Busy(move string) bool { return move != "" && r.Move == move }

// Digest is the content of one tracked table in one partition.
type Digest struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	Sum   string `json:"sum"` // independent of order; decimal text
}

// Command is what the mover tells a cell about one partition.
type Command struct {
	// Cell is whom the command is for. An address may have gone to another cell since it was registered; a cell
	// refuses what names another.
	Cell      string          `json:"cell,omitempty"`
	Move      string          `json:"move"`
	Epoch     placement.Epoch `json:"epoch"`
	Token     uint64          `json:"token"`
	Peer      string          `json:"peer,omitempty"`       // the move's other cell
	PeerAddrs []string        `json:"peer_addrs,omitempty"` // import, copy, pull: the source's internal addresses
	FenceNo   int64           `json:"fence_no,omitempty"`   // pull, handover
	Attempt   int64           `json:"attempt,omitempty"`    // copy, pull, clear: the attempt that is meant
	DrainMS   int64           `json:"drain_ms,omitempty"`   // close: how long to wait for writes in flight
	FenceMS   int64           `json:"fence_ms,omitempty"`   // close, fence: after this the source opens by itself
	Receipt   *Receipt        `json:"receipt,omitempty"`    // receipt
	Check     *Check          `json:"check,omitempty"`      // compare: what the target has
}

// Check is what the target of a move holds, as of a moment at which it was ready, or had not been owned for long.
type Check struct {
	Digests []Digest            `json:"digests"`
	Columns map[string][]string `json:"columns"` // those that were counted, by table
	// Except are the keys of rows, by table, that were written at the target since it owned: neither side counts
	// them. None, where the moment lies between ready and owned.
	Except map[string][]json.RawMessage `json:"except,omitempty"`
	// LeftOut are tables with too many such keys: they are not compared.
	LeftOut []string `json:"left_out,omitempty"`
}

// Receipt is the durable record of a move, kept by both cells.
type Receipt struct {
	Move      string              `json:"move"`
	Partition placement.Partition `json:"partition"`
	From      string              `json:"from"`
	To        string              `json:"to"`
	Epoch     placement.Epoch     `json:"epoch"`
	Source    []Digest            `json:"source"`
	Target    []Digest            `json:"target"`
	PauseMS   float64             `json:"pause_ms"`
	AskedBy   string              `json:"asked_by"`
	StartedAt time.Time           `json:"started_at"`
	FlippedAt time.Time           `json:"flipped_at"`
}

// Reply is a cell's answer to a command that was done.
type Reply struct {
	Row    Row      `json:"row"`
	Source []Digest `json:"source,omitempty"` // copy: as the source counted; pull: only what changed; compare: what it has
	Target []Digest `json:"target,omitempty"` // copy, pull: as the target counted
	Rounds int      `json:"rounds,omitempty"` // copy: how often what had changed was taken in
	Check  *Check   `json:"check,omitempty"`  // check
}

// Problem is a cell's answer to a command that was not done.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"error"`
	Row     *Row   `json:"row,omitempty"` // the row as it is, where it was read
	Status  int    `json:"-"`             // HTTP status, set by the client
}

func (p *Problem) Error() string { return p.Code + ": " + p.Message }

// Codes of a Problem.
const (
	CodeConflict = "conflict"        // the row is not in the state, or not of the move, that the command names
	CodeStale    = "stale_leader"    // the row has seen a higher leader's token, or a higher epoch
	CodeBusy     = "writes_inflight" // close: writes did not end in time; the gate is open again
	CodeSilent   = "instance_silent" // an instance with an unexpired lease did not answer
	CodeDiffers  = "digest_mismatch" // copy, pull, compare: the two sides differ; the message names the table
	CodeCatalog  = "catalog"         // the two sides' tracked tables do not fit; the message names what
	CodePeer     = "peer"            // import, copy, pull, own: the source did not answer, or refused
	CodeLocked   = "locked"          // the row's lock could not be had in time; the message names who holds it
	CodeReplica  = "replica_behind"  // check: a replica of the target lacks what was moved; the message names it
	CodeInvalid  = "invalid"         // the command itself is malformed
	CodeDenied   = "denied"          // the credential is missing or wrong
	CodeInternal = "internal"        // anything else
)
