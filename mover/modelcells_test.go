package mover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
)

const (
	modelCluster    = "cluster-1"
	modelPartitions = 64
	stepTakes       = 5 * time.Millisecond // of the bubble's clock
)

var errCut = errors.New("connection cut")

// modelCell is a cell's database: rows, the content of each partition, and the receipts.
type modelCell struct {
	rows     []modelRow
	content  []map[string]string // by partition: key -> value
	receipts map[string]protocol.Receipt
}

// modelCells is all cells of a cluster behind their internal listeners; cell-a-1's address is "cell-a:1". It is a
// Cells, and a registry with it, in one test's bubble.
type modelCells struct {
	t     *testing.T
	store *memory.Store

	mu    sync.Mutex
	cells map[string]*modelCell
	// fault, where set, is asked before a command is done (after = false) and after it (true): an error is what
	// the mover gets. A Problem before means a refusal; any other error after, that the answer was lost.
	fault    func(cell string, p placement.Partition, verb protocol.Verb, after bool) error
	breakOff func(p placement.Partition) bool // where set, asked whether a copy breaks off midway
	history  []sent                           // every command that arrived
	moved    map[placement.Partition]int
	latency  map[string]protocol.Latency
	silent   map[string]bool // cells whose processes are gone: unhealthy, and out of reach
}

type sent struct {
	cell string
	p    placement.Partition
	verb protocol.Verb
	cmd  protocol.Command
}

func newModelCells(t *testing.T) *modelCells {
	t.Helper()
	return &modelCells{
		t: t, store: memory.NewStore(), cells: map[string]*modelCell{}, moved: map[placement.Partition]int{},
		silent: map[string]bool{}, latency: map[string]protocol.Latency{},
	}
}

// add makes a cell and announces it and its one instance; the registration ends with ctx.
func (c *modelCells) add(ctx context.Context, name string, weight int) {
	c.t.Helper()
	cell := &modelCell{
		rows: make([]modelRow, modelPartitions), content: make([]map[string]string, modelPartitions),
		receipts: map[string]protocol.Receipt{},
	}
	for p := range cell.rows {
		cell.rows[p].Partition, cell.rows[p].State = placement.Partition(p), protocol.StateAbsent
		cell.content[p] = map[string]string{}
	}
	c.mu.Lock()
	c.cells[name] = cell
	c.mu.Unlock()
	c.announce(ctx, name, weight)
}

// announce makes a cell and its instance known to the registry.
func (c *modelCells) announce(ctx context.Context, name string, weight int) {
	c.t.Helper()
	reg := c.store.Client()
	if _, err := reg.AnnounceCell(ctx, name, "db-"+name, weight); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		_ = reg.Register(ctx, modelInstance(name), func() registry.Health {
			c.mu.Lock()
			defer c.mu.Unlock()
			return registry.Health{OK: !c.silent[name]}
		})
	}()
}

// down ends all processes of a cell; up starts them again.
func (c *modelCells) down(cell string) { c.setSilent(cell, true) }
func (c *modelCells) up(cell string)   { c.setSilent(cell, false) }

func (c *modelCells) setSilent(cell string, silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent[cell] = silent
}

func modelInstance(cell string) registry.Instance {
	return registry.Instance{
		ID: cell + "-1", Cell: cell, Address: "127.0.0.1:8080", Internal: cell + ":1", Weight: 1,
		Schema: placement.SchemaName(cell), Partitions: modelPartitions, ClusterID: modelCluster, DatabaseID: "db-" + cell,
	}
}

func (c *modelCells) createCluster(ctx context.Context) {
	c.t.Helper()
	_, err := c.store.Client().CreateCluster(ctx, registry.Cluster{
		ID: modelCluster, Partitions: modelPartitions, Hash: placement.HashName, Ring: placement.RingName,
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// Do implements Cells.
func (c *modelCells) Do(ctx context.Context, addr string, p placement.Partition, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error) {
	cell, _, _ := strings.Cut(addr, ":")
	if err := sleep(ctx, stepTakes); err != nil {
		return protocol.Reply{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent[cell] {
		return protocol.Reply{}, errCut
	}
	c.history = append(c.history, sent{cell, p, verb, cmd})
	if c.fault != nil {
		if err := c.fault(cell, p, verb, false); err != nil {
			return protocol.Reply{}, err
		}
	}
	reply, err := c.carryOut(cell, p, verb, cmd)
	if c.fault != nil && err == nil {
		if err := c.fault(cell, p, verb, true); err != nil {
			return protocol.Reply{}, err
		}
	}
	return reply, err
}

func (c *modelCells) carryOut(name string, p placement.Partition, verb protocol.Verb, cmd protocol.Command) (protocol.Reply, error) {
	cell, now := c.cells[name], time.Now()
	if cell == nil {
		return protocol.Reply{}, errCut
	}
	c.tick(cell, p, now)
	row := cell.rows[p]
	next, problem := row.apply(name, verb, cmd, now)
	if problem != nil {
		return protocol.Reply{}, problem
	}
	reply := protocol.Reply{}
	switch verb {
	case protocol.VerbCopy:
		source := c.cells[row.Peer]
		c.tick(source, p, now)
		if at := source.rows[p]; !at.leaving(cmd) {
			return protocol.Reply{}, row.refuse(protocol.CodePeer, "the source is "+string(at.State))
		}
		if c.breakOff != nil && !row.Copied && c.breakOff(p) {
			cell.rows[p] = row.partly()
			return protocol.Reply{}, errCut
		}
		cell.content[p] = maps.Clone(source.content[p])
		reply.Source, reply.Target = digest(cell.content[p]), digest(cell.content[p])
	case protocol.VerbCheck:
		reply.Check = &protocol.Check{Digests: digest(cell.content[p])}
	case protocol.VerbCompare:
		if !row.Checked && !row.Swept && fmt.Sprint(cmd.Check.Digests) != fmt.Sprint(digest(cell.content[p])) {
			return protocol.Reply{}, row.refuse(protocol.CodeDiffers, "after the hand-over: table customers")
		}
	case protocol.VerbPull:
		source := c.cells[row.Peer]
		c.tick(source, p, now)
		if at := source.rows[p]; row.State == protocol.StateImporting && (at.State != protocol.StateFenced || at.FenceNo != cmd.FenceNo) {
			return protocol.Reply{}, row.refuse(protocol.CodePeer, "the source is "+string(at.State))
		}
		if row.State == protocol.StateImporting {
			cell.content[p] = maps.Clone(source.content[p])
		}
		reply.Source, reply.Target = digest(cell.content[p]), digest(cell.content[p])
	case protocol.VerbOwn:
		if row.State == protocol.StateReady {
			c.mustBeGone(row.Peer, p, cmd)
		}
	case protocol.VerbReceipt:
		if _, ok := cell.receipts[cmd.Move]; !ok {
			cell.receipts[cmd.Move] = *cmd.Receipt
		}
	case protocol.VerbSweep, protocol.VerbImport:
		if row.Swept != next.Swept || verb == protocol.VerbImport {
			cell.content[p] = map[string]string{}
		}
	case protocol.VerbClear:
		if row.State != next.State {
			cell.content[p] = map[string]string{}
		}
	default:
	}
	if row.State == protocol.StateFenced && next.State == protocol.StateMoved {
		c.moved[p]++
	}
	cell.rows[p] = next
	reply.Row = next.Row
	c.oneOwner(p)
	return reply, nil
}

// tick lets the row's deadline pass.
func (c *modelCells) tick(cell *modelCell, p placement.Partition, now time.Time) {
	if row := cell.rows[p]; row.State == protocol.StateFenced && !row.Deadline.After(now) {
		cell.rows[p] = row.selfRelease()
	}
}

// mustBeGone: nobody may tell a target to own what its source has not handed over.
func (c *modelCells) mustBeGone(source string, p placement.Partition, cmd protocol.Command) {
	if row := c.cells[source].rows[p]; row.State != protocol.StateMoved || row.Epoch != cmd.Epoch {
		c.t.Errorf("partition %d: own at epoch %d while source %s is %s", p, cmd.Epoch, source, row.State)
	}
}

// oneOwner: at no time may two cells accept writes, nor the rows be nowhere.
func (c *modelCells) oneOwner(p placement.Partition) {
	owners, copies := []string{}, 0
	for name, cell := range c.cells {
		switch cell.rows[p].State {
		case protocol.StateOwned, protocol.StateFenced:
			owners = append(owners, name)
			copies++
		case protocol.StateReady:
			copies++
		default:
		}
	}
	if len(owners) > 1 {
		c.t.Errorf("partition %d is owned by %v", p, owners)
	}
	if copies == 0 {
		c.t.Errorf("partition %d is complete nowhere", p)
	}
}

// Latency implements Cells.
func (c *modelCells) Latency(_ context.Context, addr string) (protocol.Latency, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cell, _, _ := strings.Cut(addr, ":")
	return c.latency[cell], nil
}

// Rows implements Cells.
func (c *modelCells) Rows(ctx context.Context, addr string) ([]protocol.Row, error) {
	if err := sleep(ctx, stepTakes); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cell, _, _ := strings.Cut(addr, ":")
	if c.silent[cell] {
		return nil, errCut
	}
	if c.fault != nil {
		if err := c.fault(cell, -1, "rows", false); err != nil {
			return nil, err
		}
	}
	var rows []protocol.Row
	for p := range c.cells[cell].rows {
		c.tick(c.cells[cell], placement.Partition(p), time.Now())
		rows = append(rows, c.cells[cell].rows[p].Row)
	}
	return rows, nil
}

// Assign implements Cells.
func (c *modelCells) Assign(ctx context.Context, addr string, a protocol.Assignment) error {
	if err := sleep(ctx, stepTakes); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name, _, _ := strings.Cut(addr, ":")
	if c.silent[name] {
		return errCut
	}
	if c.fault != nil {
		if err := c.fault(name, -1, "assign", false); err != nil {
			return err
		}
	}
	cell := c.cells[name]
	for _, p := range a.Partitions {
		row := cell.rows[p]
		if a.Token < row.Token {
			return row.refuse(protocol.CodeStale, "a newer leader has been here")
		}
		if row.State == protocol.StateAbsent && row.HighEpoch == 0 {
			cell.rows[p].State, cell.rows[p].Epoch, cell.rows[p].HighEpoch = protocol.StateOwned, a.Epoch, a.Epoch
			cell.content[p][fmt.Sprintf("customer-%d", p)] = fmt.Sprintf("written at %s", name)
		}
	}
	return nil
}

func digest(content map[string]string) []protocol.Digest {
	return []protocol.Digest{{Table: "customers", Rows: int64(len(content)), Sum: fmt.Sprint(content)}}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
