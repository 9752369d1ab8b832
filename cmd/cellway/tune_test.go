package main

import (
	"testing"
	"time"
)

func TestTuneChangesWhatAFlagNamesAndNothingElse(t *testing.T) {
	was := paceReply{Parallel: 4, PerSource: 2, MaxWriteLatencyMS: 80}
	for name, tc := range map[string]struct {
		args []string
		want paceReply
	}{
		"nothing":             {nil, was},
		"one":                 {[]string{"--per-source", "3"}, paceReply{Parallel: 4, PerSource: 3, MaxWriteLatencyMS: 80}},
		"back to the default": {[]string{"--parallel=0", "--max-write-latency", "1.5s"}, paceReply{PerSource: 2, MaxWriteLatencyMS: 1500}},
		"all back":            {[]string{"--reset"}, paceReply{}},
		"all but one back":    {[]string{"--reset", "--parallel", "2"}, paceReply{Parallel: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := newTune()
			if err := cmd.ParseFlags(tc.args); err != nil {
				t.Fatal(err)
			}
			f := tuneFlags{reset: cmd.Flags().Changed("reset")}
			f.parallel, _ = cmd.Flags().GetInt("parallel")
			f.perSource, _ = cmd.Flags().GetInt("per-source")
			f.maxWriteLatency, _ = cmd.Flags().GetDuration("max-write-latency")
			got, err := f.apply(cmd.Flags(), was)
			if err != nil || got != tc.want {
				t.Errorf("%+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
	if _, err := (tuneFlags{maxWriteLatency: -time.Second}).apply(newTune().Flags(), was); err == nil {
		t.Error("a negative latency is accepted")
	}
}
