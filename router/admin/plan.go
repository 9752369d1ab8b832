package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/router/edge"
)

const (
	contentsPath = "/metrics/partitions"
	maxContents  = 4 << 20 // bytes of an answer with two numbers for each of the most partitions that there may be
	historyUsed  = 500     // ended moves that the speed is measured from
	// contentsPatience is how long cells may count; the answer is remembered there, for who asks again.
	contentsPatience = 2500 * time.Millisecond
)

type plannedMove struct {
	Partition placement.Partition `json:"partition"`
	From      string              `json:"from"`
	To        string              `json:"to"`
}

// planReply is the answer of GET /admin/plan.
type planReply struct {
	Epoch      placement.Epoch `json:"epoch"`
	Moves      int             `json:"moves"`
	Ideal      int             `json:"ideal"`
	Open       int             `json:"open"` // moves under way, which the plan takes as done
	ByPair     []pair          `json:"by_pair"`
	Rows       *int64          `json:"rows"`    // null: a source did not say
	Bytes      *int64          `json:"bytes"`   // the same
	Seconds    *float64        `json:"seconds"` // the same
	Speed      speed           `json:"speed"`
	Quotas     map[string]int  `json:"quotas"`
	Partitions []plannedMove   `json:"partitions"`
	Problem    string          `json:"problem"`
}

// plan says what a rebalance would move now, or after the change that the query names. Nothing is changed.
func (a *api) plan(c *gin.Context) {
	ctx := c.Request.Context()
	w, err := a.look(ctx)
	if err != nil {
		a.fail(c, err)
		return
	}
	if w.m == nil {
		refuseNoMap(c)
		return
	}
	supposed, err := w.suppose(c.Request.URL.Query())
	switch {
	case errors.Is(err, errSuppose):
		edge.Refuse(c, edge.Problem{Status: http.StatusBadRequest, Error: "Invalid change", Details: err.Error(), Code: codeInvalid})
		return
	case err != nil:
		a.fail(c, err)
		return
	}
	reply := planReply{Epoch: w.epoch(), Open: len(w.open), Partitions: []plannedMove{}, ByPair: []pair{}}
	plan, err := supposed.plan()
	if err != nil {
		reply.Problem = err.Error()
	}
	history, cancel := a.patiently(c)
	defer cancel()
	moves, err := a.cfg.Registry.History(history, historyUsed)
	if err != nil {
		a.fail(c, err)
		return
	}
	reply.fill(plan, a.contents(ctx, w, plan.Moves), measured(moves))
	edge.WriteJSON(c, http.StatusOK, reply)
}

// fill puts the plan in, with what it costs.
func (r *planReply) fill(plan placement.Plan, holds map[string]contents, s speed) {
	r.Moves, r.Ideal, r.Quotas, r.Speed = len(plan.Moves), plan.Ideal, plan.Quotas, s
	for _, mv := range plan.Moves {
		r.Partitions = append(r.Partitions, plannedMove(mv))
	}
	r.ByPair = byPair(plan.Moves, holds)
	var rows, bytes int64
	for _, p := range r.ByPair {
		if p.Rows == nil {
			return
		}
		rows, bytes = rows+*p.Rows, bytes+*p.Bytes
	}
	took := s.seconds(r.Moves, rows)
	r.Rows, r.Bytes, r.Seconds = &rows, &bytes, &took
}

// contents asks the sources of the moves what their partitions hold. Who does not say in time is left out.
func (a *api) contents(ctx context.Context, w world, moves []placement.Move) map[string]contents {
	var sources []string
	for _, mv := range moves {
		sources = append(sources, mv.From)
	}
	slices.Sort(sources)
	ctx, cancel := context.WithTimeout(ctx, contentsPatience)
	defer cancel()
	holds := map[string]contents{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(countersAtOnce)
	for _, cell := range slices.Compact(sources) {
		list := w.instancesOf(cell)
		if len(list) == 0 {
			continue
		}
		g.Go(func() error {
			if held, ok := a.contentsAt(ctx, list[0].Address); ok && w.m.Partitions() == len(held.Rows) {
				mu.Lock()
				defer mu.Unlock()
				holds[cell] = held
			}
			return nil
		})
	}
	_ = g.Wait() // nobody returns an error
	return holds
}

func (a *api) contentsAt(ctx context.Context, address string) (contents, bool) {
	var held contents
	raw, err := a.cfg.Fetch(ctx, address, contentsPath, maxContents)
	ok := err == nil && json.Unmarshal(raw, &held) == nil && len(held.Rows) == len(held.Bytes)
	return held, ok
}
