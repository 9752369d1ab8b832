package admin

import (
	"slices"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// progress is the answer of GET /admin/rebalance.
type progress struct {
	Running       bool     `json:"running"`
	Done          int      `json:"done"`
	Total         int      `json:"total"`
	RowsPerSecond float64  `json:"rows_per_second"`
	ETASeconds    *float64 `json:"eta_seconds"` // null: not known, or nothing runs
	Rows          int64    `json:"rows"`
	AskedBy       string   `json:"asked_by"`
	Problem       string   `json:"problem"`

	Paused *registry.Word `json:"paused"` // who wants no move to begin; null: nobody
	Held   *registry.Word `json:"held"`   // who wants partitions to stay where they are; null: nobody
}

// progress says how far the rebalance is at the given time.
func (w world) progress(now time.Time) progress {
	plan, err := w.plan()
	r := w.rebalance
	ahead := len(w.open) + len(w.allowed(plan.Moves))
	p := progress{Running: r.Running || ahead > 0, Paused: w.orders.Pause, Held: w.held(), Done: r.Done, Total: r.Total, Rows: r.Rows, AskedBy: r.AskedBy, Problem: r.Problem}
	if w.m == nil && len(w.members()) > 0 {
		p.Running = true // the first map is coming
	}
	switch {
	case p.Running && !r.Running: // the mover has not begun it: what is stored is the last one's
		p.Done, p.Total, p.Rows, p.AskedBy, p.Problem = 0, ahead, 0, "", ""
	case p.Running && p.Total == 0:
		p.Total = p.Done + ahead
	}
	if r.Running || !p.Running {
		p.rates(r, now)
	}
	if err != nil && p.Problem == "" {
		p.Problem = err.Error()
	}
	if p.Running && w.leader == "" && p.Problem == "" {
		p.Problem = "no mover leads"
	}
	return p
}

// held is who wants partitions to stay where they are; nil once that is over.
func (w world) held() *registry.Word {
	if h := w.orders.Hold; h != nil && !h.Over(w.cells) {
		return &h.Word
	}
	return nil
}

// allowed are the moves that will be made of those that the planner proposes: what is held is not, and a reversal comes
// before everything.
func (w world) allowed(moves []placement.Move) []placement.Move {
	switch {
	case w.held() == nil:
		return moves
	case w.orders.Reverse != nil:
		return w.orders.Reverse.Left(w.target())
	}
	return slices.DeleteFunc(slices.Clone(moves), func(mv placement.Move) bool { return w.orders.Hold.Keeps(mv.Partition) })
}

func (p *progress) rates(r registry.Rebalance, now time.Time) {
	end := now
	if !r.EndedAt.IsZero() && !p.Running {
		end = r.EndedAt
	}
	took := end.Sub(r.StartedAt).Seconds()
	if r.StartedAt.IsZero() || took <= 0 {
		return
	}
	p.RowsPerSecond = float64(r.Rows) / took
	if p.Running && p.Done > 0 {
		eta := took / float64(p.Done) * float64(max(0, p.Total-p.Done))
		p.ETASeconds = &eta
	}
}

// ETA is the estimate for people; "" if there is none.
func (p progress) ETA() string {
	if p.ETASeconds == nil {
		return ""
	}
	return (time.Duration(*p.ETASeconds) * time.Second).String()
}
