package main

import (
	"errors"
	"testing"
	"time"
)

func TestWhoWatchesARebalanceLearnsThatItWasCancelled(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	ann, bob := &wordInfo{Who: "ann", Since: now.Add(-time.Hour)}, &wordInfo{Who: "bob", Since: now}
	type seen struct {
		held    *wordInfo
		settled bool
		after   time.Duration
	}
	for name, c := range map[string]struct {
		looks []seen
		by    string // whose hold the last look names; "": no error
	}{
		"nobody has":                            {[]seen{{nil, false, 0}, {nil, true, time.Minute}}, ""},
		"it was, before all had moved":          {[]seen{{nil, false, 0}, {bob, false, time.Second}}, "bob"},
		"it was, after something had moved":     {[]seen{{nil, false, 0}, {bob, true, time.Second}}, "bob"},
		"an earlier one ends with the order":    {[]seen{{ann, false, 0}, {nil, false, time.Second}, {nil, true, time.Minute}}, ""},
		"an earlier one holds on":               {[]seen{{ann, false, 0}, {ann, false, time.Second}, {ann, false, time.Minute}}, "ann"},
		"an earlier one is followed by another": {[]seen{{ann, false, 0}, {bob, false, time.Second}}, "bob"},
		"a reversal holds what it has moved":    {[]seen{{ann, true, 0}, {ann, true, time.Minute}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var w holdWatch
			for i, look := range c.looks {
				w.begin(rebalanceReply{Held: look.held}, now)
				err := w.look(rebalanceReply{Held: look.held}, look.settled, now.Add(look.after))
				by, _ := errors.AsType[held](err)
				if want := c.by; i < len(c.looks)-1 && err != nil || i == len(c.looks)-1 && by.by.Who != want {
					t.Errorf("look %d: %v, want the last one to name %q", i, err, want)
				}
			}
		})
	}
}
