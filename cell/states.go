package cell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	refreshTries = 8 // each that fails met a newer close or row, so somebody else got on
	endTimeout   = 2 * time.Second
)

// errContended: the door changed at every try.
var errContended = errors.New("the partition's gate changed while its row was read")

// refresh reads a partition's row and makes it the gate's state.
func (in *instance) refresh(ctx context.Context, p placement.Partition) (protocol.Row, error) {
	for range refreshTries {
		load := in.gate.BeginLoad(p)
		row, err := in.keeper.Row(ctx, p)
		if err != nil {
			return protocol.Row{}, fmt.Errorf("refresh gate: %w", err)
		}
		if in.gate.Apply(load, row) {
			return row, nil
		}
	}
	return protocol.Row{}, fmt.Errorf("refresh gate of partition %d: %w", p, errContended)
}

// reload reads every row. What changed meanwhile is known better than by what was read.
func (in *instance) reload(ctx context.Context) error {
	load := in.gate.BeginFullLoad()
	rows, err := in.keeper.Rows(ctx)
	if err != nil {
		return err
	}
	in.gate.ApplyAll(load, rows)
	return nil
}

// reloadStates is the safety net for changes that no other way told of.
func (in *instance) reloadStates(ctx context.Context) {
	for rest(ctx, jitter(in.cfg.ReloadEvery)) {
		bounded, cancel := context.WithTimeout(ctx, in.cfg.ReloadEvery)
		if err := in.reload(bounded); err != nil {
			in.log.DebugContext(ctx, "states not reloaded", "error", err)
		}
		cancel()
	}
}

// endFences releases what is fenced beyond its deadline, until ctx ends. Failures are the lease's to report.
func (in *instance) endFences(ctx context.Context) {
	for rest(ctx, jitter(in.cfg.ReleaseEvery)) {
		if err := in.endOverdue(ctx); err != nil {
			in.log.DebugContext(ctx, "overdue fences not released", "error", err)
		}
	}
}

func (in *instance) endOverdue(ctx context.Context) error {
	if in.restored.Load() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	released, err := in.ledger.SelfRelease(ctx)
	if err != nil {
		return err
	}
	for _, row := range released {
		in.log.InfoContext(ctx, "fence ended by its deadline", "partition", row.Partition, "move", row.Move)
		in.refreshGates(ctx, row.Partition)
	}
	return nil
}
