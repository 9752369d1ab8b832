package gate

import (
	"context"
	"net/http"
	"time"

	"github.com/cellway/cellway/placement"
)

// Handler puts the gate in front of the application.
func (g *Gate) Handler(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visit, re := g.enter(r)
		if visit == nil {
			g.refuse(w, r, re)
			return
		}
		g.counts[Admitted].Add(1)
		answer := g.newAnswer(w, r, visit)
		defer answer.free()
		visit.serve(&g.took, app, answer, r)
		answer.finish()
	})
}

// visit is a request that was admitted.
type visit struct {
	flight
	lease *lease // that it was admitted under
	door  *door  // nil for a request without a key
}

// enter admits the request, or returns nil and why not.
func (g *Gate) enter(r *http.Request) (*visit, refusal) {
	v := &visit{lease: g.lease.Load()}
	v.flight = flight{method: r.Method, path: r.URL.Path, since: time.Now(), write: isWrite(r.Method)}
	if re := g.closed(v); re != nil {
		return nil, *re
	}
	key, ok, err := g.cfg.Key(r)
	switch {
	case err != nil:
		return nil, badKey(err)
	case ok:
		return g.knock(r.Context(), v, placement.PartitionOf(key, len(g.doors)))
	case !g.cfg.Keyless(r):
		return nil, noRoute()
	}
	return v, refusal{}
}

// closed says why nobody is admitted just now, whatever his partition; nil if they are.
func (g *Gate) closed(v *visit) *refusal {
	if !v.lease.valid(v.since) {
		re := unavailable("the cell holds no lease in its database; nothing was done")
		return &re
	}
	if why := g.frozen.Load(); why != nil && v.write {
		re := unavailable(*why)
		return &re
	}
	return nil
}

// knock asks the partition's door, and again after a little where that is closed for a move.
func (g *Gate) knock(ctx context.Context, v *visit, p placement.Partition) (*visit, refusal) {
	v.door = &g.doors[p]
	answer, seen, changed := v.door.enter(&v.flight)
	if answer == fenced {
		g.cfg.OnRefused(p, seen.state)
		var re *refusal
		if answer, seen, re = g.linger(ctx, v, seen, changed); re != nil {
			return nil, *re
		}
	}
	if answer == admit {
		return v, refusal{}
	}
	g.cfg.OnRefused(p, seen.state)
	return nil, refused(answer, seen)
}

// serve runs the application. The request is no longer in flight when it returns, also by a panic: what is then
// left to do is to send what the application has said.
func (v *visit) serve(took *latencies, app http.Handler, w http.ResponseWriter, r *http.Request) {
	if v.door != nil {
		defer v.door.leave(&v.flight)
	}
	if v.write {
		defer func() { now := time.Now(); took.record(now, now.Sub(v.since)) }()
	}
	app.ServeHTTP(w, r)
}

func isWrite(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}
