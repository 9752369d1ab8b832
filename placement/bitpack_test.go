package placement

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPackBits_is_undone_by_unpackBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(0, 64).Draw(t, "width")
		base := rapid.Uint64Range(0, 1<<20).Draw(t, "base")
		highest := ^uint64(0) >> (64 - width)
		values := rapid.SliceOf(rapid.Uint64Range(0, highest)).Draw(t, "values")
		for i := range values {
			values[i] += base // may wrap around, and back
		}
		packed := packBits([]byte("before"), values, base, width)
		var got []uint64
		err := unpackBits(packed[len("before"):], len(values), width, func(_ int, v uint64) error {
			got = append(got, v+base)
			return nil
		})
		if err != nil || !slices.Equal(got, values) {
			t.Fatalf("got %v (%v), want %v", got, err, values)
		}
	})
}

func TestUnpackBits_stops_at_the_first_error(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	err := unpackBits([]byte{1, 2, 3}, 3, 8, func(i int, _ uint64) error {
		calls++
		if i == 1 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 2 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}
