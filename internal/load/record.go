package load

import "time"

// Kind is what an operation does to its customer.
type Kind string

// The four operations of the customers' API.
const (
	KindCreate Kind = "create"
	KindRead   Kind = "read"
	KindWrite  Kind = "write"
	KindDelete Kind = "delete"
)

// Operation is one request about one customer and its answer.
type Operation struct {
	Client   int    `json:"client"` // 0: the customer's own worker; from 1 on: those of Contend
	Customer string `json:"customer"`
	Kind     Kind   `json:"kind"`
	N        int    `json:"n,omitempty"`    // the value that a create or a write would leave
	Status   int    `json:"status"`         // of the answer; 0: there was none
	Read     int    `json:"read,omitempty"` // the value that a read found
	// Call and Return are nanoseconds on the monotonic clock of the load's Recorder.
	Call   int64 `json:"call"`
	Return int64 `json:"return"`
}

// Recorder keeps operations. Both are called by many goroutines.
type Recorder interface {
	// Wants says whether the customer's operations are to be kept: one customer's are kept all or not at all.
	Wants(customer string) bool
	// Record keeps one operation that began at start and has its answer now; it sets Call and Return.
	Record(start time.Time, op Operation)
}

// record hands an operation to the recorder, if there is one that wants it.
func (l *Load) record(start time.Time, op Operation) {
	if l.Recorder != nil && l.Recorder.Wants(op.Customer) {
		l.Recorder.Record(start, op)
	}
}
