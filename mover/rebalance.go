package mover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// firstMap makes the map of a new cluster, once; or again, where the registry has lost it.
func (t *term) firstMap(ctx context.Context) error {
	if lost, err := t.rebuildMap(ctx); lost || err != nil {
		return err
	}
	t.voters = assemble(nil, t.cells, t.seen, t.cfg.Settle, time.Now())
	rows := t.rowsRead()
	if missing := readyForFirstMap(t.voters, t.cfg.InitialCells, t.cells, rows); missing != "" {
		t.problems.add(missing)
		return nil
	}
	m, err := placement.FirstMap(t.cluster.Partitions, t.voters.members)
	if err != nil {
		return fmt.Errorf("first map: %w", err)
	}
	if err := t.hook(ctx, BeforeCreateMap); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.StepTimeout)
	defer cancel()
	err = t.cfg.Registry.CreateMap(ctx, t.leader, m)
	if errors.Is(err, registry.ErrConflict) {
		return t.reloadMap(ctx) // an answer was lost: it is there
	}
	if err != nil {
		return fmt.Errorf("store first map: %w", err)
	}
	t.m = m
	t.log.Info("first map made", slog.Int("partitions", m.Partitions()), slog.Any("cells", m.Cells()))
	return t.hook(ctx, AfterCreateMap)
}

// plan makes the list of moves anew when something has changed what it should be.
func (t *term) plan() {
	if t.instances == nil {
		return // who is alive is not known yet: nothing to conclude
	}
	base := t.queue.target(t.m)
	t.voters = assemble(base, t.cells, t.seen, t.cfg.Settle, time.Now())
	if slices.Equal(t.plannedFor, t.voters.members) && !t.asked && !t.replan {
		return
	}
	plan, err := t.proposal(base)
	if err != nil {
		t.queue.planned = nil
		t.problems.add(err.Error())
		return
	}
	why := t.why()
	ownerless := func(mv placement.Move) bool { return mv.From == "" }
	t.unowned = len(plan.Moves)
	t.queue.planned = slices.DeleteFunc(plan.Moves, ownerless)
	t.unowned -= len(t.queue.planned)
	if t.asked || len(t.queue.planned) > 0 {
		t.progress.start(why)
		t.log.Info("planned", slog.String("asked_by", why), slog.Int("moves", len(t.queue.planned)), slog.Int("open", len(t.queue.jobs)))
	}
	t.asker, t.plannedFor = why, t.voters.members
	t.replan, t.asked = false, false
}

// why says who or what asked for the plan that is being made. One that only goes on with what was begun keeps the
// word that was given then, the last leader's included.
func (t *term) why() string {
	if t.orders.Reverse != nil {
		return reverseAsker
	}
	if t.asked {
		return "request"
	}
	why := cause(t.plannedFor, t.voters.members, t.m)
	switch {
	case t.plannedFor == nil && t.progress.rec.Running:
		return t.progress.rec.AskedBy
	case why == "balance" && t.asker != "":
		return t.asker
	}
	return why
}

// begin gives free workers their next moves.
func (t *term) begin(ctx context.Context) {
	limits := t.cfg.paced(t.pace)
	t.measure(ctx)
	for {
		e := t.queue.next(limits, time.Now(), t.mayBegin)
		if e == nil {
			return
		}
		if e.mv.ID == "" {
			e.mv.ID, e.mv.AskedBy, e.mv.Rebalance = uuid.NewString(), t.asker, t.progress.rec.ID
			e.mv.CreatedAt = time.Now()
			e.above = t.facts.highest[e.mv.Partition]
			t.known[e.mv.ID] = true
		}
		e.running = true
		a := &attempt{
			job: e.job, cfg: t.cfg, term: t.leader,
			fromAddr: t.book.addresses(e.mv.From), toAddr: t.book.addresses(e.mv.To),
		}
		t.workers.Go(func() {
			err := a.run(ctx)
			t.moved <- moveResult{job: a.job, learned: a.learned, err: err} // has room for all workers
		})
	}
}

// mayBegin: nobody has paused, the map still says what the plan was made from, both cells are known and well, the source's
// writes do not suffer, and no row names another move.
func (t *term) mayBegin(mv placement.Move) bool {
	if t.orders.Pause != nil {
		return false
	}
	if owner, _ := t.m.Owner(mv.Partition); owner != mv.From {
		t.replan = true
		return false
	}
	for _, cell := range []string{mv.From, mv.To} {
		if v := t.views[cell]; v == nil || !v.ready {
			t.problems.add(cell + " has not said yet which partitions it holds")
			return false
		}
		if !t.book.healthy(cell) {
			t.problems.add(cell + " has no healthy instance: its moves wait")
			return false
		}
	}
	if why := t.strains[mv.From].wait(mv.From, t.cfg.paced(t.pace).MaxWriteLatency, time.Now()); why != "" {
		t.problems.add(why)
		return false
	}
	return !t.moving(mv.Partition)
}

// moveResult is what a worker sends back: the job as the attempt left it.
type moveResult struct {
	job     job
	learned *flipped
	err     error
}

// settle takes in the end of an attempt.
func (t *term) settle(ctx context.Context, r moveResult) error {
	if ends(r.err) {
		return r.err
	}
	e := t.queue.jobs[r.job.mv.Partition]
	e.job, e.running = r.job, false
	if r.learned != nil && r.learned.m.Epoch() > t.m.Epoch() {
		t.m = r.learned.m
	}
	now := time.Now()
	if r.err == nil {
		if t.queue.ended(e.mv, t.cfg, now); e.wish.heard() {
			t.queue.spare(e.mv) // it was not its partition's fault, nor its cells'
		}
		t.ended(e.mv)
		t.replan = t.replan || e.mv.State == registry.MoveUndone || t.queue.idle()
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !e.opened && !e.stale { // the journal refused it: plan again
		delete(t.queue.jobs, e.mv.Partition)
		t.replan = true
		t.log.Warn("move not journalled", slog.Int("partition", int(e.mv.Partition)), slog.Any("error", r.err))
		return nil
	}
	var pause time.Duration
	known := e.alarm
	e.job, pause = e.failed(r.err, t.cfg, now)
	if e.alarm && !known {
		t.metrics.differences.Inc()
		t.log.Error("source and target differ after the hand-over: the source's rows are kept", slog.String("move", e.mv.ID),
			slog.Int("partition", int(e.mv.Partition)), slog.String("from", e.mv.From), slog.String("to", e.mv.To), slog.Any("error", r.err))
	}
	e.due = now.Add(pause)
	t.log.Debug("move waits", slog.String("move", e.mv.ID), slog.Int("partition", int(e.mv.Partition)),
		slog.Duration("pause", pause), slog.Any("error", r.err))
	return nil
}

// ended counts and tells.
func (t *term) ended(mv registry.Move) {
	attrs := []any{
		slog.String("move", mv.ID), slog.Int("partition", int(mv.Partition)), slog.String("from", mv.From),
		slog.String("to", mv.To), slog.Int64("rows", mv.Rows), slog.Float64("pause_ms", mv.PauseMS),
	}
	if mv.State == registry.MoveUndone {
		t.metrics.moves.WithLabelValues("undone").Inc()
		t.lastUndone = mv.Error
		t.log.Warn("move undone", append(attrs, slog.String("why", mv.Error))...)
		return
	}
	t.metrics.moves.WithLabelValues("done").Inc()
	t.metrics.rows.Add(float64(mv.Rows))
	if mv.PauseMS > 0 {
		t.metrics.pause.Observe(mv.PauseMS / 1000)
	}
	t.progress.rec.Done++
	t.progress.rec.Rows += mv.Rows
	t.log.Debug("move done", attrs...)
}

// rowsRead is what the cells that were read in this term hold.
func (t *term) rowsRead() map[string][]protocol.Row {
	rows := map[string][]protocol.Row{}
	for cell, v := range t.views {
		if v.read {
			rows[cell] = v.rows
		}
	}
	return rows
}

func (t *term) hook(ctx context.Context, at Point) error {
	if err := t.cfg.Hook(ctx, at); err != nil {
		return hookError{fmt.Errorf("hook %s: %w", at, err)}
	}
	return nil
}
