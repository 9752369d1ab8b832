package gate

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/cellway/cellway/internal/protocol"
)

// Codes of the gate's own answers, for programs.
const (
	CodeUnavailable    = "cell_unavailable" // 503: nothing was done
	CodeFenced         = "fenced"           // 503: nothing was done; it lasts for milliseconds
	CodeNotOwned       = "not_owned"        // 421: nothing was done here
	CodeOutcomeUnknown = "outcome_unknown"  // 502: it may have been done, or not
	CodeInvalidKey     = "invalid_key"      // 400
	CodeNoRoute        = "no_such_path"     // 404
)

const retryAfter = 1 // seconds

// refusal is an answer that the gate gives itself.
type refusal struct {
	result Result
	status int
	body   errorBody
	owner  string // value of Cellway-Owner; "" if not known
}

type errorBody struct {
	Error     string `json:"error"`
	Code      string `json:"code"`
	Details   string `json:"details,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

func unavailable(details string) refusal {
	return refusal{Unavailable, http.StatusServiceUnavailable, errorBody{Error: "Cell unavailable", Code: CodeUnavailable, Details: details}, ""}
}

func badKey(err error) refusal {
	return refusal{BadRequest, http.StatusBadRequest, errorBody{Error: "Invalid key", Code: CodeInvalidKey, Details: err.Error()}, ""}
}

func noRoute() refusal {
	return refusal{BadRequest, http.StatusNotFound, errorBody{Error: "Not found", Code: CodeNoRoute}, ""}
}

// refused turns a door's verdict into an answer.
func refused(v verdict, seen sight) refusal {
	switch v {
	case fenced:
		body := errorBody{Error: "Cell unavailable", Code: CodeFenced, Details: "the customer is being moved; nothing was done"}
		return refusal{Fenced, http.StatusServiceUnavailable, body, ""}
	case foreign:
		r := refusal{result: NotOwned, status: http.StatusMisdirectedRequest}
		r.body = errorBody{Error: "Not this cell's customer", Code: CodeNotOwned}
		if seen.state == protocol.StateMoved {
			r.owner = protocol.FormatOwner(seen.peer, seen.epoch)
		}
		return r
	}
	return unavailable("the cell has not read its state yet; nothing was done")
}

// heldBack is the answer instead of one that came too late.
func heldBack(write bool) refusal {
	if !write {
		r := unavailable("the cell lost its lease while it answered")
		r.result = Withheld
		return r
	}
	body := errorBody{
		Error: "Outcome unknown", Code: CodeOutcomeUnknown,
		Details: "the cell lost its lease while it worked: the change may have been done, or not",
	}
	return refusal{Withheld, http.StatusBadGateway, body, ""}
}

func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, re refusal) {
	g.counts[re.result].Add(1)
	h := w.Header()
	h.Set(protocol.HeaderCell, g.cfg.Cell)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if re.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if re.result == Fenced {
		h.Set(protocol.HeaderFenced, "1")
	}
	if re.owner != "" {
		h.Set(protocol.HeaderOwner, re.owner)
	}
	re.body.RequestID = r.Header.Get(protocol.HeaderRequestID)
	w.WriteHeader(re.status)
	// An answer that cannot be written has nobody to tell.
	_ = json.NewEncoder(w).Encode(re.body)
}
