package gate

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestNineWritesOfTenTookNoLonger(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, tc := range map[string]struct {
		took      []time.Duration
		low, high time.Duration
	}{
		"none":            {nil, 0, 0},
		"one":             {repeat(1, 100*time.Millisecond), 100 * time.Millisecond, 120 * time.Millisecond},
		"a tenth is slow": {append(repeat(90, 10*time.Millisecond), repeat(10, time.Second)...), 10 * time.Millisecond, 12 * time.Millisecond},
		"more is slow":    {append(repeat(80, 10*time.Millisecond), repeat(20, time.Second)...), time.Second, 1200 * time.Millisecond},
		"in no time":      {repeat(5, 0), 0, time.Millisecond},
		"for an hour":     {repeat(5, time.Hour), 50 * time.Second, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			var l latencies
			for _, took := range tc.took {
				l.record(now, took)
			}
			if writes, p90 := l.p90(now); writes != len(tc.took) || p90 < tc.low || p90 > tc.high {
				t.Errorf("%d writes, %s; want %d and between %s and %s", writes, p90, len(tc.took), tc.low, tc.high)
			}
		})
	}
}

func repeat(n int, d time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d
	}
	return all
}

func TestWritesOfLongAgoDoNotCount(t *testing.T) {
	var l latencies
	began := time.Unix(1_700_000_000, 0)
	for s := range 60 { // a minute of slow writes, then four seconds of fast ones
		l.record(began.Add(time.Duration(s)*time.Second), time.Second)
	}
	now := began.Add(time.Minute)
	for range 8 {
		now = now.Add(slotTime)
		l.record(now, time.Millisecond)
	}
	if writes, p90 := l.p90(now); writes != 8 || p90 > 2*time.Millisecond {
		t.Errorf("%d writes, %s", writes, p90)
	}
	if writes, _ := l.p90(now.Add(time.Minute)); writes != 0 {
		t.Errorf("%d writes a minute later", writes)
	}
}

func TestAdmittedWritesAreMeasuredAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := serving(t)
		app := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { pass(80 * time.Millisecond) }))
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPut} {
			app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, "/k/x", nil))
		}
		if writes, p90 := g.WriteLatency(time.Now()); writes != 2 || p90 < 80*time.Millisecond || p90 > 96*time.Millisecond {
			t.Errorf("%d writes, %s", writes, p90)
		}
	})
}
