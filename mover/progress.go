package mover

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cellway/cellway/registry"
)

const (
	// putEvery bounds how often progress is written to the registry while moves run.
	putEvery = 400 * time.Millisecond
	// historyRead is how many ended moves a new leader counts to find out how far the last one came.
	historyRead = 5000
	// problemsTold is how many problems are told at once.
	problemsTold = 5
)

// progress is the rebalance as the registry shows it. It is running from the moment that something is to be done,
// a cell's settling included, until the last source is swept.
type progress struct {
	rec    registry.Rebalance
	stored registry.Rebalance
	putAt  time.Time
}

// load takes over where the last leader left off.
func (p *progress) load(ctx context.Context, reg registry.Registry) error {
	rec, err := reg.Rebalance(ctx)
	if err != nil {
		return fmt.Errorf("read progress: %w", err)
	}
	p.rec, p.stored = rec, rec
	if !rec.Running {
		return nil
	}
	history, err := reg.History(ctx, historyRead)
	if err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	done, rows := 0, int64(0)
	for _, mv := range history {
		if mv.Rebalance == rec.ID && mv.State == registry.MoveDone {
			done++
			rows += mv.Rows
		}
	}
	if done > rec.Done {
		p.rec.Done, p.rec.Rows = done, rows
	}
	return nil
}

// start begins a rebalance, unless one is running.
func (p *progress) start(askedBy string) {
	if !p.rec.Running {
		p.rec = registry.Rebalance{ID: uuid.NewString(), AskedBy: askedBy, Running: true, StartedAt: time.Now()}
	}
}

// report tells what is going on: to the registry, to Status, and to the log where it has changed.
func (t *term) report(ctx context.Context) error {
	problem := t.tellProblems()
	t.publish(Status{Leading: true, Token: t.leader.Token, Problem: problem, OpenMoves: len(t.queue.jobs), Planned: len(t.queue.planned)})
	t.count(problem)
	rec := t.progress.rec
	urgent := rec.ID != t.progress.stored.ID || rec.Running != t.progress.stored.Running
	if rec == t.progress.stored || !urgent && time.Since(t.progress.putAt) < putEvery {
		return nil
	}
	t.progress.putAt = time.Now()
	ctx, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	err := t.cfg.Registry.PutRebalance(ctx, t.leader, rec)
	switch {
	case err == nil:
		t.progress.stored = rec
	case ends(err):
		return err
	default:
		t.log.Warn("progress not stored", slog.Any("error", err))
	}
	return nil
}

// tellProblems puts into one line what stands in the way, and logs it when it has changed.
func (t *term) tellProblems() string {
	for _, e := range t.queue.jobs {
		if e.failures > 2 || e.halted {
			t.problems.add(fmt.Sprintf("partition %d from %s to %s: %s", e.mv.Partition, e.mv.From, e.mv.To, e.reason))
		}
	}
	if t.unowned > 0 {
		t.problems.add(fmt.Sprintf("%d partitions have no owner in the map: %s", t.unowned, ranges(ownerless(t.m))))
	}
	if len(t.queue.jobs) == 0 && len(t.queue.planned) > 0 && t.lastUndone != "" {
		t.problems.add("moves rest before they are tried again: " + t.lastUndone)
	}
	problem := t.problems.text()
	switch problem {
	case t.problems.told:
	case "":
		t.log.Info("no problem any more")
	default:
		t.log.Warn("problem", slog.String("problem", problem))
	}
	t.problems.told = problem
	return problem
}

// count brings the record up to date.
func (t *term) count(problem string) {
	p := &t.progress
	if !t.loaded {
		return
	}
	if t.m == nil {
		p.rec.Problem = problem
		return
	}
	if len(t.voters.settling) > 0 && !t.orders.Hold.KeepsAll() {
		p.start("join")
	}
	if who, ok := t.queue.asker(); ok {
		p.start(who)
	}
	if !p.rec.Running {
		p.rec.Problem = ""
		return
	}
	p.rec.Total = p.rec.Done + len(t.queue.jobs) + len(t.queue.planned)
	p.rec.Problem = problem
	if t.instances != nil && !t.replan && t.queue.idle() && len(t.voters.settling) == 0 {
		p.rec.Running, p.rec.EndedAt, p.rec.Problem = false, time.Now(), ""
		t.log.Info("rebalance ended", slog.String("asked_by", p.rec.AskedBy), slog.Int("moves", p.rec.Done),
			slog.Int64("rows", p.rec.Rows), slog.Duration("took", p.rec.EndedAt.Sub(p.rec.StartedAt)))
	}
}

// problems is what stands in the way, for people, collected anew at every look.
type problems struct {
	list []string
	told string
}

func (p *problems) begin() { p.list = p.list[:0] }

func (p *problems) add(text string) {
	if !slices.Contains(p.list, text) {
		p.list = append(p.list, text)
	}
}

// text is all of them in one line, in an order that does not change by itself.
func (p *problems) text() string {
	slices.Sort(p.list)
	more := ""
	list := p.list
	if len(list) > problemsTold {
		more = fmt.Sprintf("; and %d more", len(list)-problemsTold)
		list = list[:problemsTold]
	}
	return strings.Join(list, "; ") + more
}
