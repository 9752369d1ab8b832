package registry

import (
	"context"
	"errors"
	"time"

	"github.com/cellway/cellway/placement"
)

// Errors that every implementation returns, wrapped with what was being done.
var (
	// ErrNotFound: there is no such cluster, map, cell or move in the registry.
	ErrNotFound = errors.New("not found in the registry")
	// ErrConflict: a compare-and-set met another value than the caller had read.
	ErrConflict = errors.New("the registry holds another value")
	// ErrNotLeader: the term is over: another process leads, or none does.
	ErrNotLeader = errors.New("this process is not the leader")
	// ErrOtherDatabase: the cell's name is known to the registry with another database.
	ErrOtherDatabase = errors.New("the cell is known with another database")
	// ErrUnavailable: the registry gave no answer: nothing is known of what it holds.
	ErrUnavailable = errors.New("the registry does not answer")
)

// Registry is who is alive and where the map lives. Every method that talks to the registry is bounded by its
// context and returns [ErrUnavailable] (wrapped) when the registry gives no answer.
type Registry interface {
	Directory
	Maps
	Cells
	Journal
	Tuning
	Orders
	Elector
}

// Cluster is what every process of one cluster must agree on, fixed for the life of the cluster.
type Cluster struct {
	ID         string    `json:"id"`         // a UUID, drawn once
	Partitions int       `json:"partitions"` // the partition count, a power of two
	Hash       string    `json:"hash"`       // placement.HashName at the time of creation
	Ring       string    `json:"ring"`       // placement.RingName at the time of creation
	CreatedAt  time.Time `json:"created_at"`
}

// Instance is one process serving a cell, as it registered itself.
type Instance struct {
	ID         string `json:"id"`          // unique among running processes: cell-a-<suffix>
	Cell       string `json:"cell"`        // the cell that it serves
	Address    string `json:"address"`     // host:port of the application behind the gate; what routers dial
	Internal   string `json:"internal"`    // host:port of the internal listener; what mover and other cells dial
	Schema     string `json:"schema"`      // the cell's schema in its database
	Version    string `json:"version"`     // of the cellway binary
	Weight     int    `json:"weight"`      // the cell's relative capacity, >= 1
	Partitions int    `json:"partitions"`  // the partition count it was started with
	ClusterID  string `json:"cluster_id"`  // the cluster that its schema belongs to
	DatabaseID string `json:"database_id"` // the database that holds its schema
	// Healthy: every check passes now. Health only orders a cell's instances; it never decides ownership.
	Healthy bool `json:"healthy"`
	// Output is the last word of the check that fails, for people; empty while healthy.
	Output string `json:"output,omitempty"`
}

// Health is what an instance reports of itself.
type Health struct {
	OK     bool
	Output string // one line for people, shown in the registry's UI
}

// Directory is the live list of instances.
type Directory interface {
	// Register announces the instance and keeps it announced (again after the registry lost it) until ctx is
	// done; then it deregisters, in a bounded time, and returns nil. While the registry is out of reach it
	// keeps trying. report is called at every beat, from one goroutine.
	Register(ctx context.Context, in Instance, report func() Health) error
	// Instances lists what is registered now, healthy or not, ordered by cell, then ID.
	Instances(ctx context.Context) ([]Instance, error)
	// WatchInstances calls fn, from one goroutine, with the current list and again after every change, until
	// ctx is done. While the registry is out of reach fn is not called; the watch goes on by itself and
	// onError (may be nil) hears of each failure.
	WatchInstances(ctx context.Context, fn func([]Instance), onError func(error)) error
}

// Maps holds the cluster's identity and its map.
type Maps interface {
	// Cluster returns the cluster's identity, or ErrNotFound.
	Cluster(ctx context.Context) (Cluster, error)
	// CreateCluster stores c if there is no cluster yet and returns the one that is stored, c or an earlier.
	CreateCluster(ctx context.Context, c Cluster) (Cluster, error)
	// Map returns the stored map, or ErrNotFound.
	Map(ctx context.Context) (*placement.Map, error)
	// CreateMap stores the first map. ErrConflict if there is one already, ErrNotLeader if the term is over.
	CreateMap(ctx context.Context, term Term, m *placement.Map) error
	// CorrectMap replaces the map, if the stored one still has the epoch `from`. For repairs from the cells'
	// databases only (protocol, rule 12); moves use Journal.Flip. ErrConflict, ErrNotLeader.
	CorrectMap(ctx context.Context, term Term, from placement.Epoch, m *placement.Map) error
	// WatchMap is to the map what WatchInstances is to the instances; fn is not called while there is no map.
	WatchMap(ctx context.Context, fn func(*placement.Map), onError func(error)) error
}

// Cell is what the registry keeps of a cell whether or not it is alive: what it is, and what operators asked.
type Cell struct {
	Name       string `json:"name"`
	DatabaseID string `json:"database_id"`
	Weight     int    `json:"weight"`
	Draining   bool   `json:"draining"` // asked to own nothing; stays until undrain or removal
	Removed    bool   `json:"removed"`  // asked to be forgotten; undrain takes it back
}

// Cells is the list of known cells.
type Cells interface {
	// Cells lists every known cell, removed ones included, by name.
	Cells(ctx context.Context) ([]Cell, error)
	// AnnounceCell makes the cell known or updates its weight, keeps what operators asked of it, and returns
	// the record. ErrOtherDatabase if the name is known with another database ID.
	AnnounceCell(ctx context.Context, name, databaseID string, weight int) (Cell, error)
	// SetDraining records that the cell shall be emptied (true) or filled again (false; also takes back a
	// removal). ErrNotFound for an unknown cell.
	SetDraining(ctx context.Context, name string, draining bool) error
	// RemoveCell marks the cell as removed. The caller has checked that it owns nothing. ErrNotFound.
	RemoveCell(ctx context.Context, name string) error
}

// MoveState is the state of a move in the journal. How far the move has come between open and flipped is in
// the rows of the two databases, not here.
type MoveState string

const (
	MoveOpen    MoveState = "open"    // journalled; being carried out
	MoveUndoing MoveState = "undoing" // to be taken back, unless its source has already handed over
	MoveFlipped MoveState = "flipped" // the map names the target; receipt and sweep remain
	MoveDone    MoveState = "done"    // finished; only in the history
	MoveUndone  MoveState = "undone"  // taken back; only in the history
)

// Move is the journal's record of one move.
type Move struct {
	ID        string              `json:"id"` // a UUID
	Partition placement.Partition `json:"partition"`
	From      string              `json:"from"`
	To        string              `json:"to"`
	Epoch     placement.Epoch     `json:"epoch"` // the partition's epoch once moved; drawn by OpenMove
	State     MoveState           `json:"state"`
	AskedBy   string              `json:"asked_by"` // join, drain, undrain, weight, or a person
	Rebalance string              `json:"rebalance,omitempty"`
	Rows      int64               `json:"rows"`
	Checksum  string              `json:"checksum,omitempty"` // same on both sides
	PauseMS   float64             `json:"pause_ms"`           // from the gate's closing for writes to the target's opening
	Tries     int                 `json:"tries"`              // how often the gate had to reopen because writes were in flight
	Error     string              `json:"error,omitempty"`    // why it waits or was undone
	CreatedAt time.Time           `json:"created_at"`
	EndedAt   time.Time           `json:"ended_at,omitzero"`

	// Version is the implementation's compare-and-set token of this record; not stored in it.
	Version uint64 `json:"-"`
}

// Rebalance is the progress of the current, or the last, rebalance.
type Rebalance struct {
	ID        string    `json:"id"`
	AskedBy   string    `json:"asked_by"`
	Running   bool      `json:"running"`
	Done      int       `json:"done"`  // moves that have ended with their sweep
	Total     int       `json:"total"` // moves planned
	Rows      int64     `json:"rows"`  // rows moved so far
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Problem   string    `json:"problem,omitempty"` // what it waits for, for people
}

// Journal is the record of moves. At most one move is open per partition. Everything that writes takes the
// leader's term and fails with ErrNotLeader, having written nothing, when that term is over.
type Journal interface {
	// OpenMove journals the move with an epoch above every epoch that the map holds, that was ever journalled,
	// or that `above` names, and returns it with Epoch, State MoveOpen and Version set. ErrConflict if the
	// partition has an open move. If mv.Epoch is set already (a move found in the cells' rows that the journal
	// lost) it is kept, and later epochs are above it; mv.State is kept too if set.
	OpenMove(ctx context.Context, term Term, mv Move, above placement.Epoch) (Move, error)
	// OpenMoves lists the moves that have not ended, by partition.
	OpenMoves(ctx context.Context) ([]Move, error)
	// UpdateMove stores mv if the record still has mv.Version; returns it with its new Version. ErrConflict.
	UpdateMove(ctx context.Context, term Term, mv Move) (Move, error)
	// Flip makes mv.To the owner of mv.Partition at mv.Epoch in the map and mv MoveFlipped in the journal, in
	// one transaction. Already flipped is success. Returns the new map and record. ErrConflict.
	Flip(ctx context.Context, term Term, mv Move) (*placement.Map, Move, error)
	// EndMove moves the record (State MoveDone or MoveUndone) from the open ones to the history. ErrConflict.
	EndMove(ctx context.Context, term Term, mv Move) error
	// History lists ended moves, the newest first, at most limit; the implementation keeps at least 2,000.
	History(ctx context.Context, limit int) ([]Move, error)
	// Rebalance returns the current or last rebalance; the zero value if there never was one.
	Rebalance(ctx context.Context) (Rebalance, error)
	// PutRebalance stores the progress.
	PutRebalance(ctx context.Context, term Term, r Rebalance) error
	// RequestRebalance asks the leader to look again now. The leader polls Requests; who asked is for the log.
	RequestRebalance(ctx context.Context, who string) error
	// Requests returns a number that rises with every RequestRebalance.
	Requests(ctx context.Context) (uint64, error)
}

// Term is one period of leadership. Token rises with every change of leader: the fencing token that commands
// to cells carry (protocol, rule 2). The rest is the implementation's own.
type Term struct {
	Token  uint64
	Holder string // the leader's name
	Lock   string // the implementation's proof that the lock is held (Consul: the session)
}

// Elector chooses one leader among the processes that campaign.
type Elector interface {
	// Lead campaigns under the given name until ctx is done. Whenever this process becomes the leader, lead is
	// called with a context that ends when leadership can no longer be trusted (attempt start + TTL - margin),
	// and the term; campaigning goes on after lead returns. When ctx ends the lock is handed over at once.
	// onError (may be nil) hears of each failure to campaign.
	Lead(ctx context.Context, name string, lead func(ctx context.Context, term Term), onError func(error)) error
	// RaiseToken returns the term with a token above the given one, and stores that every later term's is above
	// it too: for a registry that has lost its data, or gone back in time, and counts from lower than cells have
	// seen. A term whose token is above already comes back as it is. ErrNotLeader if the term is over.
	RaiseToken(ctx context.Context, term Term, above uint64) (Term, error)
	// Leader names the present leader, "" if there is none.
	Leader(ctx context.Context) (string, error)
}
