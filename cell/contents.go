package cell

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
)

const (
	contentsPath     = "/metrics/partitions"
	contentsTimeout  = 10 * time.Second
	contentsRemember = 10 * time.Second // it costs reading tables: plans do not need it fresher
)

// contentsBody says, for plans, what the cell's partitions hold, by partition.
type contentsBody struct {
	CellID string `json:"cell_id"`
	ledger.Contents
}

func (in *instance) serveContents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(protocol.HeaderCell, in.cfg.Cell)
	held, err := in.contents.ask(r.Context(), in.keeper.Contents)
	if err != nil {
		in.log.DebugContext(r.Context(), "rows not counted", "error", err)
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, errorBody{"Cell unavailable", "the rows could not be counted"})
		return
	}
	writeJSON(w, http.StatusOK, contentsBody{in.cfg.Cell, held})
}

// contents counts at most once at a time, and remembers the answer, also where whoever asked has gone.
type contents struct {
	mu   sync.Mutex
	at   time.Time
	held ledger.Contents
}

func (c *contents) ask(ctx context.Context, count func(context.Context) (ledger.Contents, error)) (ledger.Contents, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < contentsRemember {
		return c.held, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), contentsTimeout)
	defer cancel()
	held, err := count(ctx)
	if err == nil {
		c.held, c.at = held, time.Now()
	}
	return held, err
}
