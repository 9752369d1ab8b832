package gate

// Result is what became of a request at the gate.
type Result int

// Results.
const (
	Admitted    Result = iota // passed to the application
	Fenced                    // 503: a move is in progress
	NotOwned                  // 421: another cell's
	Unavailable               // 503: no lease, a state not known, or no writes accepted
	BadRequest                // 400, 404: no key that the gate understands
	Withheld                  // admitted, but the answer was held back: the lease lapsed meanwhile

	results = iota
)

// String is the result's name, as it stands in metrics.
func (r Result) String() string {
	return [results]string{"admitted", "fenced", "not_owned", "unavailable", "bad_request", "withheld"}[r]
}

// Counts is how many requests ended in each way since the start; index it with a [Result].
func (g *Gate) Counts() [results]uint64 {
	var n [results]uint64
	for i := range n {
		n[i] = g.counts[i].Load()
	}
	return n
}
