package cell

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

const (
	healthPath   = "/health"
	healthy      = "healthy"
	unhealthy    = "unhealthy"
	pingTimeout  = time.Second
	pingRemember = 250 * time.Millisecond // a flood of questions costs one ping in this time
)

// healthBody is the answer of /health.
type healthBody struct {
	Status   string `json:"status"`
	CellID   string `json:"cell_id"`
	Database string `json:"database"`
	Details  string `json:"details,omitempty"`

	took      time.Duration // of the ping
	remaining time.Duration // of the lease
}

func (h healthBody) ok() bool { return h.Status == healthy }

func (h healthBody) lease() string {
	if h.remaining == 0 {
		return "no lease"
	}
	return fmt.Sprintf("lease valid %.1f s", h.remaining.Seconds())
}

// probe pings the database, at most once at a time, and remembers the answer for a moment.
type probe struct {
	mu   sync.Mutex
	at   time.Time
	took time.Duration
	err  error
}

func (p *probe) ask(ctx context.Context, ping func(context.Context) error) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) < pingRemember {
		return p.took, p.err
	}
	// The answer is for all who ask: it does not end with the first of them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
	defer cancel()
	began := time.Now()
	p.err = ping(ctx)
	p.at = time.Now()
	p.took = p.at.Sub(began)
	return p.took, p.err
}

// health looks at the database and at the lease.
func (in *instance) health(ctx context.Context) healthBody {
	h := healthBody{Status: healthy, CellID: in.cfg.Cell, Database: "connected", remaining: in.gate.Remaining()}
	took, err := in.probe.ask(ctx, in.keeper.Ping)
	h.took = took
	why := in.restored.Load()
	switch {
	case err != nil:
		h.Status, h.Database = unhealthy, "unreachable: "+err.Error()
	case why != nil:
		h.Status, h.Details = unhealthy, "no writes are accepted: "+*why
	case in.stopping.Load():
		h.Status, h.Details = unhealthy, "stopping"
	case h.remaining == 0:
		h.Status, h.Details = unhealthy, "the instance holds no lease in its database"
	}
	return h
}

func (in *instance) serveHealth(w http.ResponseWriter, r *http.Request) {
	h := in.health(r.Context())
	w.Header().Set(protocol.HeaderCell, in.cfg.Cell)
	status := http.StatusOK
	if !h.ok() {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, h)
}

// errorBody is an error that is answered beside the gate.
type errorBody struct {
	Error   string `json:"error"`
	Details string `json:"details,omitempty"`
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An answer that cannot be written has nobody to tell.
	_ = json.NewEncoder(w).Encode(body)
}
