package cell

import (
	"context"
	"net/http"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

// holdingsTimeout is how long counting every row may take.
const holdingsTimeout = 10 * time.Second

// serveHoldings answers with what the database holds. One count runs at a time: whoever asks meanwhile is told so.
func (in *instance) serveHoldings(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(protocol.HeaderCell, in.cfg.Cell)
	refuse := func(why string) {
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, errorBody{"Cell unavailable", why})
	}
	if !in.counting.TryLock() {
		refuse("the rows are being counted for somebody else")
		return
	}
	defer in.counting.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), holdingsTimeout)
	defer cancel()
	held, err := in.keeper.Holdings(ctx)
	if err != nil {
		in.log.WarnContext(ctx, "rows not counted", "error", err)
		refuse("the rows could not be counted")
		return
	}
	writeJSON(w, http.StatusOK, held)
}
