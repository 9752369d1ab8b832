package main

import (
	"io"
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
)

func TestADistributionTakesTheValueBelowWhichTheShareLies(t *testing.T) {
	var ms []float64
	for n := range 1000 {
		ms = append(ms, float64(1000-n))
	}
	if got, want := distribution(ms), "p50 501.0 ms, p99 991.0 ms, max 1000.0 ms, of 1000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := distribution(nil); got != "none" {
		t.Errorf("of none: %s", got)
	}
}

func TestAMovesPauseIsItsLongestWriteWhileItLasted(t *testing.T) {
	began := time.Now()
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	moving := map[placement.Partition]move{7: {Partition: 7, CreatedAt: at(100), EndedAt: at(200)}, 8: {Partition: 8, CreatedAt: at(100), EndedAt: at(200)}}
	got := seen(moving, []sample{
		{partition: 7, write: true, due: at(50), took: time.Second},   // before
		{partition: 7, write: false, due: at(150), took: time.Second}, // a read
		{partition: 9, write: true, due: at(150), took: time.Second},  // does not move
		{partition: 7, write: true, due: at(150), took: 30 * time.Millisecond},
		{partition: 7, write: true, due: at(160), took: 20 * time.Millisecond},
	})
	if len(got) != 1 || got[0] != 30 {
		t.Errorf("got %v", got)
	}
}

func TestStatIsReadPastNamesWithParentheses(t *testing.T) {
	u, ok := parseStat("12 (a) b) S 3 4 5 6 7 8 9 10 11 12 70 30 20 5 20 0")
	if !ok || u.parent != 3 || u.own != time.Second || u.gone != 250*time.Millisecond {
		t.Errorf("%+v, %v", u, ok)
	}
}

func TestARunBelowItsRateIsTooWeak(t *testing.T) {
	began := time.Now()
	var moves []move
	for p := range 1024 {
		moves = append(moves, move{Partition: p, CreatedAt: began, EndedAt: began.Add(10 * time.Second)})
	}
	// All that was due in the first 10 s; every fourth is a write to one of those who move.
	samples := func(failed string) (list []sample) {
		for n := range 7500 {
			s := sample{partition: 2000, due: began.Add(time.Duration(n) * time.Second / 750), took: time.Millisecond, failed: failed}
			if n%4 == 1 {
				s.partition, s.write = placement.Partition(n/4%1024), true
			}
			list = append(list, s)
		}
		return list
	}
	missed := samples("")
	for i := range missed {
		missed[i].partition = 2000
	}
	for name, test := range map[string]struct {
		during []sample
		lasted time.Duration
		enough bool
	}{
		"on time":       {samples(""), 10 * time.Second, true},
		"met nobody":    {missed, 10 * time.Second, false},
		"sent too late": {samples(""), 40 * time.Second, false},
		"refused":       {samples("503"), 10 * time.Second, false},
		"nothing sent":  {nil, 10 * time.Second, false},
	} {
		if err := report(io.Discard, 750, moves, watched{during: test.during, lasted: test.lasted}); (err == nil) != test.enough {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFollowerPicksThoseWhoMove(t *testing.T) {
	f := newFollower(nil, 100, 16)
	if _, ok := f.customer(); ok {
		t.Error("somebody moves before anybody has asked")
	}
	open := []placement.Partition{placement.PartitionOf(customerID(7), 16)}
	f.open.Store(&open)
	for range 100 {
		n, ok := f.customer()
		if p := placement.PartitionOf(customerID(n), 16); !ok || n < 0 || n >= 100 || p != open[0] {
			t.Fatalf("customer %d of partition %d, %t; partition %d moves", n, p, ok, open[0])
		}
	}
	open = []placement.Partition{}
	f.open.Store(&open)
	if _, ok := f.customer(); ok {
		t.Error("somebody moves where nobody does")
	}
}
