package main

import (
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/load"
)

func active(id string, weight, partitions int) cellInfo {
	return cellInfo{ID: id, Status: "active", Weight: weight, Partitions: partitions, Instances: []instanceInfo{{Healthy: true}}}
}

func TestIdealIsTheLeastNumberOfMoves(t *testing.T) {
	three := []cellInfo{active("cell-a", 1, 1366), active("cell-b", 1, 1365), active("cell-c", 1, 1365)}
	drained := cellInfo{ID: "cell-b", Status: "draining", Weight: 1, Instances: []instanceInfo{{Healthy: true}}}
	for name, c := range map[string]struct {
		before, after []cellInfo
		want          int
	}{
		"a fourth": {three, []cellInfo{active("cell-a", 1, 1024), active("cell-b", 1, 1024), active("cell-c", 1, 1024), active("cell-d", 1, 1024)}, 1024},
		"of twice the weight": {
			three, []cellInfo{active("cell-a", 1, 820), active("cell-b", 1, 819), active("cell-c", 1, 819), active("cell-d", 2, 1638)}, 1638,
		},
		"one is drained": {
			[]cellInfo{active("cell-a", 1, 2048), drained, active("cell-c", 1, 2048)},
			[]cellInfo{active("cell-a", 1, 1366), drained, active("cell-c", 1, 1365), active("cell-d", 1, 1365)},
			1365,
		},
		"one is sick and keeps its share": {
			[]cellInfo{{ID: "cell-a", Status: "sick", Weight: 1, Partitions: 2048}, active("cell-b", 1, 2048)},
			[]cellInfo{{ID: "cell-a", Status: "sick", Weight: 1, Partitions: 1366}, active("cell-b", 1, 1365), active("cell-d", 1, 1365)},
			1365,
		},
		"one never came": {
			[]cellInfo{active("cell-a", 1, 4096), {ID: "cell-b", Status: "joining", Weight: 1}},
			[]cellInfo{active("cell-a", 1, 2048), {ID: "cell-b", Status: "joining", Weight: 1}, active("cell-d", 1, 2048)},
			2048,
		},
		"what was uneven before is made even": {
			[]cellInfo{active("cell-a", 1, 4000), active("cell-b", 1, 96)},
			[]cellInfo{active("cell-a", 1, 1366), active("cell-b", 1, 1365), active("cell-d", 1, 1365)},
			4000 - 1366,
		},
		"nobody": {nil, nil, 0},
	} {
		if got := idealMoves(c.before, c.after, 4096); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestOnlyMovesOfThisDemoCount(t *testing.T) {
	before := scene{4, []cellInfo{active("cell-a", 1, 4)}, []moveInfo{{"old", "cell-d", "done", 900}}}
	after := scene{4, []cellInfo{active("cell-a", 1, 2), active("cell-d", 1, 2)}, []moveInfo{
		{"1", "cell-d", "done", 7.25}, {"2", "cell-d", "undone", 800}, {"3", "cell-d", "done", 3}, {"4", "cell-a", "done", 700}, before.moves[0],
	}}
	r := report{cell: "cell-d"}
	r.compare(before, after)
	if r.moved != 3 || r.arrived != 2 || r.ideal != 2 || r.pauseMS != 7.25 || r.partitions != 4 {
		t.Errorf("%+v", r)
	}
}

func TestVerdictIsWithinOnePartition(t *testing.T) {
	for moved, want := range map[int]string{1022: "1022 partitions moved", 1023: "", 1024: "", 1025: "", 1026: "1026 partitions moved"} {
		err := (&report{moved: moved, ideal: 1024}).verdict()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d of 1024: %v", moved, err)
		}
	}
	err := (&report{seen: load.Stats{Errors: map[int]int{503: 2, 0: 1}}}).verdict()
	if err == nil || !strings.Contains(err.Error(), "the client saw 3 errors") {
		t.Error(err)
	}
}

func TestReportSaysEverything(t *testing.T) {
	r := report{
		prefix: "demo-00c0ffee", cell: "cell-d", workers: 8, customers: 20000, partitions: 4096, moved: 1024, arrived: 1024, ideal: 1024,
		pauseMS: 12.345, seen: load.Stats{Operations: 1234, ByStatus: map[int]int{200: 1200, 404: 34}, Longest: 84321 * time.Microsecond},
		filling: 9500 * time.Millisecond, joining: 38 * time.Second,
	}
	var out strings.Builder
	r.write(&out)
	want := `
cell-d joined while 8 workers wrote and read.
moved          1024 of 4096 partitions (25.00 %); the ideal is 1024 of 4096 partitions (25.00 %)
operations     1234: 200 1200 times, 404 34 times
               (the client deletes some customers: 404 was right 34 times)
errors         0
longest pause  84.3 ms for a client (half of all answers came within 0.0 ms, 99 % within 0.0 ms)
               12.3 ms in a move, from the source's closing to the target's opening
time           9.5 s to load, 38.0 s for cell-d to join, settle time included
20000 customers named demo-00c0ffee-... stay.
To undo it: make drain-cell NAME=cell-d, then make remove-cell NAME=cell-d
`
	if out.String() != want {
		t.Errorf("it says:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestReportTellsTheFirstErrors(t *testing.T) {
	r := report{cell: "cell-d", moved: 3, arrived: 2, ideal: 3, partitions: 4096, seen: load.Stats{
		Errors: map[int]int{0: 1, 503: 6}, Wrong: []string{"first: a\n\tb", "2", "3", "4", "5", "sixth"},
	}}
	var out strings.Builder
	r.write(&out)
	for _, want := range []string{"errors         7: no answer 1 times, 503 6 times\n               first: a b\n               2\n", ", 2 of them to cell-d;"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "sixth") {
		t.Errorf("it tells every error:\n%s", out.String())
	}
}
