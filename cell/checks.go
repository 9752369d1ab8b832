package cell

import (
	"context"
	"sync"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// checks are counts of partitions that this cell owns and whose sources wait for its replicas to sweep. What was counted
// once holds for the move: a replica that comes up late asks for neither a new count nor a later position of the log.
type checks struct {
	mu   sync.Mutex
	kept map[placement.Partition]counted // at most one of each partition
}

// counted is one move's count.
type counted struct {
	move  string
	check *protocol.Check
	at    string // the log's position when it was counted, after the partition was owned
}

func (c *checks) keep(p placement.Partition, one counted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[placement.Partition]counted{}
	}
	c.kept[p] = one
}

func (c *checks) find(p placement.Partition, move string) (counted, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.kept[p]
	return one, ok && one.move == move
}

func (c *checks) drop(p placement.Partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.kept, p)
}

// check counts what was sealed, and answers once every replica of this cell's database has it: nothing is swept before.
func (in *instance) check(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Reply, error) {
	row, err := in.ledger.Row(ctx, p)
	if err != nil {
		return protocol.Reply{}, err
	}
	if cmd.Token < row.Token {
		return protocol.Reply{}, refuse(protocol.CodeStale, row, "token %d is below the row's %d: a newer leader has been here", cmd.Token, row.Token)
	}
	one, ok := in.checks.find(p, cmd.Move)
	if !ok {
		if one, err = in.countSealed(ctx, p, cmd); err != nil {
			return protocol.Reply{}, err
		}
		in.checks.keep(p, one)
	}
	if err := in.ledger.Replicated(ctx, p, one.at); err != nil {
		return protocol.Reply{}, err
	}
	in.checks.drop(p)
	return protocol.Reply{Row: row, Check: one.check}, nil
}

// countSealed counts in the snapshot that was kept, or in a new one.
func (in *instance) countSealed(ctx context.Context, p placement.Partition, cmd protocol.Command) (counted, error) {
	at, err := in.ledger.Position(ctx)
	if err != nil {
		return counted{}, err
	}
	if kept := in.looks.take(p, cmd.Move); kept != nil {
		check, err := kept.Check(ctx, kept.tables)
		kept.Close(ctx)
		if err == nil {
			return counted{cmd.Move, check, at}, nil
		}
		in.log.DebugContext(ctx, "the snapshot of what was ready is lost", "partition", p, "error", err)
	}
	theirs, err := in.sourceTables(ctx, cmd.PeerAddrs)
	if err != nil {
		return counted{}, err
	}
	look, err := in.ledger.Look(ctx, p, cmd)
	if err != nil {
		return counted{}, err
	}
	defer look.Close(ctx)
	check, err := look.Check(ctx, theirs)
	return counted{cmd.Move, check, at}, err
}
