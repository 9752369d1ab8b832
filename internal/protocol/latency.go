package protocol

// Latency is how long the writes took that one instance's gate admitted and that ended in the last seconds.
type Latency struct {
	Writes int     `json:"writes"`
	P90MS  float64 `json:"p90_ms"` // nine of ten took no longer; at most a fifth too high
}
