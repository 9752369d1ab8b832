package registry_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

func TestAPaceThatCannotBeIsNamed(t *testing.T) {
	for field, p := range map[string]registry.Pace{
		"parallel":          {Parallel: -1},
		"per_source":        {PerSource: registry.MaxParallel + 1},
		"per_target":        {PerTarget: -3},
		"max_write_latency": {MaxWriteLatency: time.Microsecond},
	} {
		if err := p.Validate(); !errors.Is(err, registry.ErrInvalid) || !strings.Contains(err.Error(), ": "+field+" ") {
			t.Errorf("%+v: %v, want the field %s named", p, err, field)
		}
	}
	for _, p := range []registry.Pace{{}, {Parallel: 64, PerSource: 1, PerTarget: 2, MaxWriteLatency: time.Hour}} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
