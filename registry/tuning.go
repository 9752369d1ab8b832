package registry

import (
	"context"
	"fmt"
	"time"
)

// MaxParallel is the most moves that may be carried out at once, whatever is asked for.
const MaxParallel = 64

// maxWriteLatency is the highest limit; as good as none.
const maxWriteLatency = time.Hour

// Pace is how fast the leader may move partitions, as operators want it while it runs. Zero leaves a field to the
// mover's own configuration.
type Pace struct {
	Parallel  int `json:"parallel,omitempty"`   // moves carried out at once
	PerSource int `json:"per_source,omitempty"` // of these, from one cell
	PerTarget int `json:"per_target,omitempty"` // of these, to one cell
	// MaxWriteLatency: no further move begins from a cell whose writes take longer.
	MaxWriteLatency time.Duration `json:"max_write_latency_ns,omitempty"`
}

// Validate names the first field that cannot be.
func (p Pace) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"parallel", p.Parallel}, {"per_source", p.PerSource}, {"per_target", p.PerTarget}} {
		if f.value < 0 || f.value > MaxParallel {
			return fmt.Errorf("%w: %s %d is not between 0 and %d", ErrInvalid, f.name, f.value, MaxParallel)
		}
	}
	if d := p.MaxWriteLatency; d < 0 || d > 0 && d < time.Millisecond || d > maxWriteLatency {
		return fmt.Errorf("%w: max_write_latency %s is neither 0 nor between 1ms and %s", ErrInvalid, d, maxWriteLatency)
	}
	return nil
}

// Tuning is what operators may change of the mover while it runs.
type Tuning interface {
	// Pace returns what operators asked for last; the zero value if they never did.
	Pace(ctx context.Context) (Pace, error)
	// SetPace asks for it; the leader polls. ErrInvalid, wrapped with the field's name.
	SetPace(ctx context.Context, pace Pace) error
}
