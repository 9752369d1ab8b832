package registrytest

import (
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

var tuningTests = []test{
	{"the pace is stored", paceStored},
}

func paceStored(t *testing.T, client Factory) {
	operator, leader := client(t), client(t)
	equal(t, "pace at first", must[registry.Pace](t)(leader.Pace(t.Context())), registry.Pace{})
	wanted := registry.Pace{Parallel: 2, PerSource: 1, PerTarget: 3, MaxWriteLatency: 80 * time.Millisecond}
	for _, pace := range []registry.Pace{wanted, {}} {
		ok(t, operator.SetPace(t.Context(), pace))
		equal(t, "pace", must[registry.Pace](t)(leader.Pace(t.Context())), pace)
	}
	ok(t, operator.SetPace(t.Context(), wanted))
	wantError(t, "a pace that cannot be", operator.SetPace(t.Context(), registry.Pace{Parallel: -1}), registry.ErrInvalid)
	equal(t, "pace after a refusal", must[registry.Pace](t)(leader.Pace(t.Context())), wanted)
}
