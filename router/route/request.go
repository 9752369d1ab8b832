package route

import "time"

// Limits on how often one request is tried.
const (
	maxUnsent  = 3 // connections of a pool that turned out closed, before the instance counts as failed
	maxFollows = 3 // owners followed without a pause: a chain of moves is no longer; cells that disagree are
)

// The pauses between two tries at a partition that moves: from the first, doubling, to the longest.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 50 * time.Millisecond
)

// Request is one request and what has come of it so far. It is a value.
type Request struct {
	Key    string
	Write  bool   // anything but GET, HEAD, OPTIONS
	Spread uint32 // which of several instances to begin with

	last     Attempt
	refusals int      // 421 and fenced 503
	follows  int      // of these, followed
	unsent   int      // in a row, at one instance
	lost     int      // reads
	failed   []string // addresses not to be tried again
}

// After returns the request after an attempt.
func (r Request) After(a Attempt) Request {
	r.last = a
	switch a.Outcome {
	case Refused, Fenced:
		r.refusals++
	case Unsent:
		r.unsent++
		if r.unsent > maxUnsent {
			r.unsent = 0
			r.failed = append(r.failed, a.Address)
		}
	case DialFailed, BreakerOpen:
		r.failed = append(r.failed, a.Address)
	case Lost:
		r.lost++
		r.failed = append(r.failed, a.Address)
	}
	return r
}

// Again returns the request after a Follow or a Hold: what the last attempt gave has been dealt with.
func (r Request) Again() Request {
	r.last = Attempt{}
	return r
}

// Followed is Again for a Follow.
func (r Request) Followed() Request {
	r.follows++
	return r.Again()
}

// Last returns the last attempt that has not been dealt with.
func (r Request) Last() Attempt { return r.last }

// pause is the next wait: doubling, and by jitter (0 to 1) spread over the upper half.
func (r Request) pause(jitter float64) time.Duration {
	d := longestPause
	if n := r.refusals - 1; n < 5 {
		d = min(firstPause<<max(n, 0), longestPause)
	}
	return d/2 + time.Duration(jitter*float64(d/2))
}

// IsWrite says whether a method may change something. It is the gate's rule too.
func IsWrite(method string) bool { return method != "GET" && method != "HEAD" && method != "OPTIONS" }
