package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/restored"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// acceptTimeout bounds everything but the transaction that accepts, which has a bound of its own.
const acceptTimeout = time.Minute

type acceptFlags struct {
	roleFlags
	stateDir        string
	platformURL     string
	platformURLFile string
	tokenFile       string
	yes             bool
	discard         bool
}

func newAcceptRestored() *cobra.Command {
	var f acceptFlags
	cmd := &cobra.Command{
		Use: "accept-restored CELL", Short: "Let a cell in again whose database was restored or failed over", GroupID: "operate",
		Long: `Compares a cell's restored (or failed over) database with the map and with all other cells, and says what would become of
each partition. With --yes it is done: what other cells own by now is deleted here, and the cell accepts writes again once its
instances are started anew. It is refused as a whole while there is a partition of which nobody can say who is right.

Commits that Postgres had acknowledged, and lost with the restore, are lost: nothing here brings them back.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return acceptRestored(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], f)
		},
	}
	flags := cmd.Flags()
	f.register(flags)
	stateFlag(flags, &f.stateDir)
	flags.StringVar(&f.platformURL, "platform-url", "", "the cell's database as the platform's role")
	flags.StringVar(&f.platformURLFile, "platform-url-file", "", "file with that URL (default: that of the system under --state-dir)")
	flags.StringVar(&f.tokenFile, "internal-token-file", "", "file with the credential of the internal listeners (default: likewise)")
	flags.BoolVar(&f.yes, "yes", false, "do it, after saying what is done; without it nothing is changed")
	flags.BoolVar(&f.discard, "discard-copies", false, "first have other cells drop the complete copies that they hold by moves of this cell's partitions; needs --yes")
	return cmd
}

func acceptRestored(ctx context.Context, out, errOut io.Writer, cell string, f acceptFlags) error {
	if err := placement.ValidateCellName(cell); err != nil {
		return err
	}
	a, err := f.open(ctx, errOut, cell)
	if err != nil {
		return err
	}
	defer a.pool.Close()
	ctxFacts, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	seen, err := ledger.ReadRestored(ctxFacts, a.pool, placement.SchemaName(cell))
	if err != nil {
		return err
	}
	if seen.Identity.Cell != cell {
		return fmt.Errorf("the schema belongs to %s, not to %s", seen.Identity.Cell, cell)
	}
	facts, err := a.facts(ctxFacts, seen)
	if err == nil && f.discard && f.yes {
		if err = a.discard(ctxFacts, out, facts); err == nil {
			facts, err = a.facts(ctxFacts, seen)
		}
	}
	if err != nil {
		return err
	}
	decisions := restored.Decide(facts)
	fmt.Fprintf(out, "%s: %s\n", cell, seen.Why)
	refused := writeDecisions(out, decisions)
	switch {
	case refused > 0:
		return fmt.Errorf("%s is not accepted: of %d partitions nobody can say who is right", cell, refused)
	case !f.yes:
		fmt.Fprintln(out, "nothing is changed; with --yes it is done")
		return nil
	}
	if err := ledger.Accept(ctx, a.pool, placement.SchemaName(cell), seen, changes(decisions)); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is accepted: start its instances anew. Commits that Postgres lost with the restore are lost.\n", cell)
	return nil
}

// acceptance is what the comparison talks to.
type acceptance struct {
	cell  string
	pool  *pgxpool.Pool
	reg   registry.Registry
	peers *protocol.Client
}

func (f acceptFlags) open(ctx context.Context, errOut io.Writer, cell string) (*acceptance, error) {
	inState := func(flag *string, name string) {
		path := filepath.Join(f.stateDir, "secrets", name)
		if _, err := os.Stat(path); *flag == "" && err == nil {
			*flag = path
		}
	}
	if f.platformURL == "" {
		inState(&f.platformURLFile, cell+"-platform-url")
	}
	inState(&f.tokenFile, "internal-token")
	url, err := databaseURL("platform-url", f.platformURL, f.platformURLFile)
	if err != nil {
		return nil, err
	}
	token, err := secret("internal-token-file", f.tokenFile)
	if err != nil {
		return nil, err
	}
	log, err := newLogger(errOut, f.logLevel)
	if err != nil {
		return nil, err
	}
	reg, err := f.registry(log)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the database of %s: %w", cell, err)
	}
	return &acceptance{cell: cell, pool: pool, reg: reg, peers: &protocol.Client{HTTP: internalHTTP(), Token: token}}, nil
}

// facts reads what the cell is compared with. Every other cell must answer: the one that does not may own something.
func (a *acceptance) facts(ctx context.Context, seen ledger.Restored) (restored.Facts, error) {
	f := restored.Facts{Cell: a.cell, Own: seen.Rows, Peers: map[string][]protocol.Row{}, Open: map[string]bool{}}
	cluster, err := a.reg.Cluster(ctx)
	if err != nil {
		return f, err
	}
	if cluster.ID != seen.Identity.ClusterID {
		return f, fmt.Errorf("the schema belongs to cluster %s, the registry to %s", seen.Identity.ClusterID, cluster.ID)
	}
	if f.Map, err = a.reg.Map(ctx); err != nil {
		return f, err
	}
	moves, err := a.reg.OpenMoves(ctx)
	if err != nil {
		return f, err
	}
	for _, mv := range moves {
		f.Open[mv.ID] = true
	}
	peers, err := a.known(ctx, f)
	if err != nil {
		return f, err
	}
	instances, err := a.reg.Instances(ctx)
	if err != nil {
		return f, err
	}
	var errs []error
	for _, peer := range peers {
		rows, err := a.ask(ctx, peer, instances)
		f.Peers[peer] = rows
		errs = append(errs, err)
	}
	return f, errors.Join(errs...)
}

// known names every other cell: of the registry, of the map, and of the restored rows.
func (a *acceptance) known(ctx context.Context, f restored.Facts) ([]string, error) {
	cells, err := a.reg.Cells(ctx)
	if err != nil {
		return nil, err
	}
	peers, gone := f.Map.Cells(), map[string]bool{}
	for _, c := range cells {
		gone[c.Name] = c.Removed && len(f.Map.Owned(c.Name)) == 0
		peers = append(peers, c.Name)
	}
	for _, row := range f.Own {
		if row.Move != "" {
			peers = append(peers, row.Peer)
		}
	}
	slices.Sort(peers)
	return slices.DeleteFunc(slices.Compact(peers), func(c string) bool { return c == a.cell || c == "" || gone[c] }), nil
}

func (a *acceptance) ask(ctx context.Context, peer string, instances []registry.Instance) (rows []protocol.Row, err error) {
	err = errors.New("no instance is registered")
	for _, in := range instances {
		if in.Cell != peer {
			continue
		}
		one, cancel := context.WithTimeout(ctx, acceptTimeout/4)
		rows, err = a.peers.Rows(one, in.Internal)
		cancel()
		if err == nil {
			return rows, nil
		}
	}
	return nil, fmt.Errorf("%s must be asked which partitions it owns, and cannot be: %w", peer, err)
}

// discard clears what other cells are ready to own by moves from this one. A cell that owns it already refuses.
func (a *acceptance) discard(ctx context.Context, out io.Writer, f restored.Facts) error {
	instances, err := a.reg.Instances(ctx)
	if err != nil {
		return err
	}
	for peer, rows := range f.Peers {
		at := slices.IndexFunc(instances, func(in registry.Instance) bool { return in.Cell == peer && in.Healthy })
		for _, row := range rows {
			if row.State != protocol.StateReady || row.Peer != a.cell {
				continue
			}
			if at < 0 {
				return fmt.Errorf("%s has no healthy instance to drop its copy of partition %d", peer, row.Partition)
			}
			cmd := protocol.Command{Cell: peer, Move: row.Move, Epoch: row.MoveEpoch, Token: row.Token, Attempt: row.Attempt}
			_, err := a.peers.Do(ctx, instances[at].Internal, row.Partition, protocol.VerbClear, cmd)
			if err != nil && protocol.CodeOf(err) != protocol.CodeConflict { // a conflict: it owns it by now, which the next look shows
				return fmt.Errorf("have %s drop its copy of partition %d: %w", peer, row.Partition, err)
			}
			fmt.Fprintf(out, "%s was told to drop its copy of partition %d\n", peer, row.Partition)
		}
	}
	return nil
}

// writeDecisions says what becomes of the partitions, those that stay as a number, and counts what is refused.
func writeDecisions(out io.Writer, decisions []restored.Decision) (refused int) {
	kept := map[protocol.State]int{}
	for _, d := range decisions {
		switch d.Do {
		case restored.Refuse:
			refused++
			fmt.Fprintf(out, "  partition %d: cannot be decided: %s\n", d.Partition, d.Why)
		case restored.Moved, restored.Absent:
			fmt.Fprintf(out, "  partition %d: %s becomes %s: %s\n", d.Partition, d.Was.State, d.Row.State, d.Why)
		case restored.Keep:
			kept[d.Was.State]++
			if d.Why != "" {
				fmt.Fprintf(out, "  partition %d: stays %s: %s\n", d.Partition, d.Was.State, d.Why)
			}
		}
	}
	var parts []string
	for state, n := range kept {
		parts = append(parts, fmt.Sprintf("%d %s", n, state))
	}
	slices.Sort(parts)
	fmt.Fprintf(out, "  as they are: %s\n", strings.Join(parts, ", "))
	return refused
}

func changes(decisions []restored.Decision) []ledger.Change {
	list := make([]ledger.Change, 0, len(decisions))
	for _, d := range decisions {
		list = append(list, ledger.Change{Was: d.Was, Row: d.Row, Wipe: d.Wipes()})
	}
	return list
}
