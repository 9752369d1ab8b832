package cell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// What this cell does as the target of a move that needs its source: it asks the first of the source's instances
// that answers.

// source opens streams of the partition's rows.
func (in *instance) source(p placement.Partition, addrs []string) ledger.Source {
	return func(ctx context.Context, wanted protocol.Wanted) (io.ReadCloser, error) {
		var errs []error
		for _, addr := range addrs {
			stream, err := in.peers.Pull(ctx, addr, p, wanted)
			if err == nil {
				return stream, nil
			}
			errs = append(errs, err)
		}
		return nil, &protocol.Problem{
			Code: protocol.CodePeer, Message: fmt.Sprintf("the source gave no rows: %v", errors.Join(errs...)),
		}
	}
}

// sourceTables is the source's catalog.
func (in *instance) sourceTables(ctx context.Context, addrs []string) ([]ledger.Table, error) {
	var errs []error
	for _, addr := range addrs {
		var tables []ledger.Table
		ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
		err := in.peers.Tables(ctx, addr, &tables)
		cancel()
		if err == nil {
			return tables, nil
		}
		errs = append(errs, err)
	}
	return nil, &protocol.Problem{
		Code: protocol.CodePeer, Message: fmt.Sprintf("the source gave no catalog: %v", errors.Join(errs...)),
	}
}

// importRows is step 3. The catalogs are compared first: what does not fit need not begin.
func (in *instance) importRows(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Row, error) {
	theirs, err := in.sourceTables(ctx, cmd.PeerAddrs)
	if err != nil {
		return protocol.Row{}, err
	}
	ours, err := in.catalog.ask(ctx, in.keeper.Tables)
	if err != nil {
		return protocol.Row{}, fmt.Errorf("read own catalog: %w", err)
	}
	if err := ledger.Fits(theirs, ours); err != nil {
		return protocol.Row{}, &protocol.Problem{Code: protocol.CodeCatalog, Message: err.Error()}
	}
	return in.ledger.Import(ctx, p, cmd)
}

// copyRows is step 4.
func (in *instance) copyRows(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Reply, error) {
	return in.ledger.Copy(ctx, p, cmd, in.source(p, cmd.PeerAddrs))
}

// pull is step 7. What it sealed is kept to be looked at, while the move goes on.
func (in *instance) pull(ctx context.Context, p placement.Partition, cmd protocol.Command) (protocol.Reply, error) {
	reply, tables, err := in.ledger.Pull(ctx, p, cmd, in.source(p, cmd.PeerAddrs))
	if err != nil {
		return reply, err
	}
	in.hint(p)
	if tables == nil {
		return reply, nil // done before
	}
	look, err := in.ledger.Look(ctx, p, cmd)
	if err != nil {
		in.log.DebugContext(ctx, "no snapshot of what is ready; the check will take one", "partition", p, "error", err)
	} else {
		in.looks.keep(ctx, p, cmd.Move, look, tables)
	}
	return reply, nil
}
