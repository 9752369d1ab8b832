package cell

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const (
	maxCommand     = 8 << 20          // a comparison names the keys of rows that were written meanwhile
	longTimeout    = 15 * time.Minute // the longest work on one partition's rows
	catalogTimeout = 5 * time.Second
)

// internalHandler serves mover, other cells, and the cell's other instances. Whoever has the credential may do
// everything here.
func (in *instance) internalHandler() http.Handler {
	mux := http.NewServeMux()
	partition := protocol.PathPartitions + "/{partition}"
	mux.HandleFunc("GET "+protocol.PathPartitions, answered(in.getRows))
	mux.HandleFunc("GET "+partition, answered(in.getRow))
	mux.HandleFunc("POST "+partition+"/{verb}", unhurried(answered(in.postCommand)))
	mux.HandleFunc("GET "+protocol.PathTables, answered(in.getTables))
	mux.HandleFunc("GET "+partition+protocol.PathRows, unhurried(in.getExport))
	mux.HandleFunc("GET "+protocol.PathLatency, answered(in.getLatency))
	mux.HandleFunc("POST "+protocol.PathAssign, answered(in.postAssign))
	mux.HandleFunc("POST "+protocol.PathGates+"/{partition}", answered(in.postOrder))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, &protocol.Problem{Code: protocol.CodeInvalid, Message: "no such path or method", Status: http.StatusNotFound})
	})
	want := sha256.Sum256([]byte(in.cfg.InternalToken))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(token))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 || !ok {
			writeProblem(w, &protocol.Problem{Code: protocol.CodeDenied, Message: "the internal listener's credential is missing or wrong"})
			return
		}
		w.Header().Set(protocol.HeaderCell, in.cfg.Cell)
		r.Body = http.MaxBytesReader(w, r.Body, maxCommand)
		mux.ServeHTTP(w, r)
	})
}

// answered writes what a request came to.
func answered(do func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := do(r)
		if err != nil {
			writeProblem(w, asProblem(err))
			return
		}
		writeJSON(w, http.StatusOK, body)
	}
}

func (in *instance) getRows(r *http.Request) (any, error) { return in.keeper.Rows(r.Context()) }

// getTables shows the catalog to the target of a move.
func (in *instance) getTables(r *http.Request) (any, error) {
	return in.catalog.ask(r.Context(), in.keeper.Tables)
}

// getLatency tells the mover how this instance's writes fare.
func (in *instance) getLatency(*http.Request) (any, error) {
	writes, p90 := in.gate.WriteLatency(time.Now())
	return protocol.Latency{Writes: writes, P90MS: float64(p90.Microseconds()) / 1000}, nil
}

// unhurried gives a request the time that work on many rows may take; its own context ends with whoever asked.
func unhurried(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), longTimeout)
		defer cancel()
		// Best effort: without it the server's own, shorter limits hold.
		until := time.Now().Add(longTimeout)
		c := http.NewResponseController(w)
		_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until)
		do(w, r.WithContext(ctx))
	}
}

func (in *instance) getRow(r *http.Request) (any, error) {
	p, err := in.partition(r)
	if err != nil {
		return nil, err
	}
	row, err := in.keeper.Row(r.Context(), p)
	return protocol.Reply{Row: row}, err
}

func (in *instance) postCommand(r *http.Request) (any, error) {
	p, err := in.partition(r)
	if err != nil {
		return nil, err
	}
	var cmd protocol.Command
	if err := readJSON(r, &cmd); err != nil {
		return nil, err
	}
	if err := in.addressed(cmd.Cell); err != nil {
		return nil, err
	}
	verb := protocol.Verb(r.PathValue("verb"))
	began := time.Now()
	reply, err := in.command(r.Context(), p, verb, cmd)
	in.note(r.Context(), p, verb, cmd, err, time.Since(began))
	return reply, err
}

// note is the one place where commands are logged and counted. Refusals are the mover's daily bread.
func (in *instance) note(ctx context.Context, p placement.Partition, verb protocol.Verb, cmd protocol.Command, err error, took time.Duration) {
	outcome := protocol.CodeOf(err)
	log := in.log.With("verb", verb, "partition", p, "move", cmd.Move, "duration", took)
	switch {
	case err == nil:
		outcome = "done"
		log.DebugContext(ctx, "command done")
	case outcome == "":
		outcome = protocol.CodeInternal
		log.WarnContext(ctx, "command failed", "error", err)
	default:
		log.DebugContext(ctx, "command refused", "error", err)
	}
	if _, known := in.steps()[verb]; known || verb == protocol.VerbCopy || verb == protocol.VerbPull || verb == protocol.VerbCheck {
		in.commands.WithLabelValues(string(verb), outcome).Inc()
	}
}

func (in *instance) postAssign(r *http.Request) (any, error) {
	var a protocol.Assignment
	if err := readJSON(r, &a); err != nil {
		return nil, err
	}
	if err := in.addressed(a.Cell); err != nil {
		return nil, err
	}
	return struct{}{}, in.assign(r.Context(), a)
}

// addressed refuses what is meant for another cell: this one may have its address by now. "" names nobody.
func (in *instance) addressed(cell string) error {
	if cell == "" || cell == in.cfg.Cell {
		return nil
	}
	return &protocol.Problem{Code: protocol.CodeConflict, Message: "this is " + in.cfg.Cell + ", not " + cell}
}

func (in *instance) postOrder(r *http.Request) (any, error) {
	p, err := in.partition(r)
	if err != nil {
		return nil, err
	}
	var order protocol.GateOrder
	if err := readJSON(r, &order); err != nil {
		return nil, err
	}
	if limit := maxWait.Milliseconds(); order.WaitMS < 0 || order.WaitMS > limit || order.OpenMS < 0 || order.OpenMS > 2*limit {
		return nil, invalid("wait_ms must be from 0 to %d, open_ms to %d", limit, 2*limit)
	}
	return in.obey(r.Context(), p, order)
}

func (in *instance) partition(r *http.Request) (placement.Partition, error) {
	n, err := strconv.Atoi(r.PathValue("partition"))
	if err != nil || n < 0 || n >= in.identity().Partitions {
		return 0, invalid("no such partition: %q", r.PathValue("partition"))
	}
	return placement.Partition(n), nil
}

func readJSON(r *http.Request, into any) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return invalid("read body: %v", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return invalid("body: %v", err)
	}
	return nil
}

// asProblem makes any error an answer.
func asProblem(err error) *protocol.Problem {
	if p, ok := errors.AsType[*protocol.Problem](err); ok {
		return p
	}
	return &protocol.Problem{Code: protocol.CodeInternal, Message: err.Error()}
}

func writeProblem(w http.ResponseWriter, p *protocol.Problem) {
	status := p.Status
	if status == 0 {
		status = statusOf(p.Code)
	}
	writeJSON(w, status, p)
}

// statusOf is the one table from code to HTTP status. Programs read the code.
func statusOf(code string) int {
	switch code {
	case protocol.CodeInvalid:
		return http.StatusBadRequest
	case protocol.CodeDenied:
		return http.StatusUnauthorized
	case protocol.CodeConflict, protocol.CodeStale:
		return http.StatusConflict
	case protocol.CodeDiffers, protocol.CodeCatalog:
		return http.StatusUnprocessableEntity
	case protocol.CodePeer:
		return http.StatusBadGateway
	case protocol.CodeBusy, protocol.CodeSilent, protocol.CodeLocked, protocol.CodeReplica:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
