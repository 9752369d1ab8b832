package route

// Outcome is what one attempt to have a request answered gave.
type Outcome int

const (
	None        Outcome = iota // there was no attempt, or what it gave has been dealt with
	Answered                   // the cell's application answered: any status
	Refused                    // 421: the cell does not own the partition; nothing was done
	Fenced                     // 503 of a move in progress: nothing was done
	Unsent                     // the connection was gone before anything was written to it
	DialFailed                 // no connection
	BreakerOpen                // the instance failed too often lately: not tried
	Busy                       // the cell has as many requests in flight as it may have: not tried
	Lost                       // sent, at least in part; the connection broke before the whole answer was there
	TimedOut                   // sent, at least in part; no whole answer in time
	TooLarge                   // the cell answered with more than the router passes on
)

var outcomeNames = [...]string{
	None: "none", Answered: "answered", Refused: "refused", Fenced: "fenced", Unsent: "unsent", DialFailed: "dial_failed",
	BreakerOpen: "breaker_open", Busy: "busy", Lost: "lost", TimedOut: "timed_out", TooLarge: "too_large",
}

// String names the outcome, for logs and metrics.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return "unknown"
	}
	return outcomeNames[o]
}

// Attempt is one try at one instance.
type Attempt struct {
	Outcome Outcome
	Cell    string
	Address string
	// Owner is whom a refusal named; the zero value if nobody.
	Owner Owner
}

// Refusal is an answer that the router gives by itself.
type Refusal struct {
	Status  int    // of HTTP
	Code    string // for programs
	Error   string // for people
	Details string
	// RetryAfter is in seconds; 0: none.
	RetryAfter int
}

// Codes of the router's own answers.
const (
	CodeNoMap          = "no_map"
	CodeUnassigned     = "unassigned"
	CodeUnavailable    = "cell_unavailable"
	CodeBusy           = "cell_busy"
	CodeHeldTooLong    = "held_too_long"
	CodeQueueFull      = "too_many_held"
	CodeTimedOut       = "timed_out"
	CodeOutcomeUnknown = "outcome_unknown"
	CodeAnswerTooLarge = "answer_too_large"
)

const retryAfter = 1 // seconds: a cell's restart or a move's pause is over by then

func unavailable(code, details string) Refusal {
	return Refusal{Status: 503, Code: code, Error: "Cell unavailable", Details: details, RetryAfter: retryAfter}
}

// NoMap is the answer while nothing is known of who owns what.
func NoMap() Refusal {
	return Refusal{
		Status: 503, Code: CodeNoMap, Error: "No map yet", RetryAfter: retryAfter,
		Details: "the router has heard of no map, neither from the registry nor from disk",
	}
}

// QueueFull is the answer where a request would have to be held and too many are.
func QueueFull(cell string) Refusal {
	return unavailable(CodeQueueFull, "too many requests are waiting for partitions that move; "+cell+" was asked")
}

func outcomeUnknown(cell, how string) Refusal {
	return Refusal{
		Status: 502, Code: CodeOutcomeUnknown, Error: "Outcome unknown",
		Details: cell + " " + how + ": the change may have been made, or not",
	}
}
