package load

import (
	"testing"
	"time"
)

func TestPercentileIsOneOfTheTimesSeen(t *testing.T) {
	l := New("http://router", NewModel())
	if got := l.Take().Percentile(99); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for i := range 200 {
		l.stats.count(200, time.Duration(200-i)*time.Millisecond)
	}
	s := l.Take()
	for percent, want := range map[int]time.Duration{1: 2, 50: 100, 99: 198, 100: 200} {
		if got := s.Percentile(percent); got != want*time.Millisecond {
			t.Errorf("%d %%: %v, want %v ms", percent, got, int(want))
		}
	}
	if s.Longest != 200*time.Millisecond || s.Operations != 200 || s.ByStatus[200] != 200 {
		t.Errorf("%s", s)
	}
}
