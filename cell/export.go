package cell

import (
	"bufio"
	"fmt"
	"net/http"

	"github.com/cellway/cellway/internal/protocol"
)

const exportBuffer = 64 << 10

// getExport streams rows of a partition whose row names a move. What is refused is refused before the first byte; what
// goes wrong later breaks the connection off.
func (in *instance) getExport(w http.ResponseWriter, r *http.Request) {
	p, err := in.partition(r)
	wanted, parseErr := protocol.ParseWanted(r.URL.Query())
	if err == nil && parseErr != nil {
		err = invalid("%v", parseErr)
	}
	if why := in.restored.Load(); err == nil && why != nil {
		err = &protocol.Problem{Code: protocol.CodeInternal, Message: *why}
	}
	if err != nil {
		writeProblem(w, asProblem(err))
		return
	}
	out := newExportWriter(w)
	err = in.ledger.Export(r.Context(), p, wanted, out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		return
	}
	in.log.DebugContext(r.Context(), "export failed", "partition", p, "error", err)
	if out.started {
		panic(http.ErrAbortHandler)
	}
	writeProblem(w, asProblem(err))
}

// exportWriter collects small writes, and knows whether anything went out.
type exportWriter struct {
	*bufio.Writer
	w       http.ResponseWriter
	started bool
}

func newExportWriter(w http.ResponseWriter) *exportWriter {
	e := &exportWriter{w: w}
	e.Writer = bufio.NewWriterSize(starter{e}, exportBuffer)
	return e
}

// Flush sends on what was collected, to the reader and not only to the server's own buffer.
func (e *exportWriter) Flush() error {
	if err := e.Writer.Flush(); err != nil {
		return fmt.Errorf("flush rows: %w", err)
	}
	_ = http.NewResponseController(e.w).Flush() // best effort: it goes out with the next rows
	return nil
}

type starter struct{ e *exportWriter }

// Write implements io.Writer.
func (s starter) Write(b []byte) (int, error) {
	if !s.e.started {
		s.e.started = true
		s.e.w.Header().Set("Content-Type", "application/octet-stream")
	}
	return s.e.w.Write(b)
}
