package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// strong is a run that proves enough.
func strong() *Report {
	r := newReport(1)
	r.Rounds, r.Checks, r.Done = 2, 4, 40
	r.Faulty.Operations, r.Calm.Operations = 5000, 5000
	for _, k := range Kinds() {
		r.Faults[k] = 1
	}
	for i := range 100 {
		r.Pauses = append(r.Pauses, time.Duration(100-i)*time.Millisecond)
	}
	return r
}

func TestReportOfASoundRunIsGood(t *testing.T) {
	page := strong().String()
	for _, want := range []string{"verdict: GOOD", "half within 50ms, 99 % within 99ms, longest 100ms", "0 illegal, 0 unknown, 0 lost, 0 doubled, 0 orphan"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestReportNamesWhyARunIsBad(t *testing.T) {
	for want, spoil := range map[string]func(r *Report){
		"illegal: 1 answers: read 3": func(r *Report) {
			r.take(&r.Faulty, load.Stats{Failed: map[string]int{"wrong": 1}, Wrong: []string{"read 3"}})
		},
		"illegal: 2 answers with status": func(r *Report) { r.take(&r.Faulty, load.Stats{ByStatus: map[int]int{500: 2}}) },
		"unknown: 1 customers":           func(r *Report) { r.Unknown = 1 },
		"lost: 1: customer x: expected":  func(r *Report) { r.found([]string{"customer x: expected one of [], found []"}) },
		"doubled: 1":                     func(r *Report) { r.found([]string{"customer x: doubled: []"}) },
		"orphan: 1":                      func(r *Report) { r.found([]string{"customer x: orphan in cell-a"}) },
		"other: 1: partition 3":          func(r *Report) { r.found([]string{"partition 3: owned by nobody"}) },
		"errors without a fault: 1":      func(r *Report) { r.take(&r.Calm, load.Stats{Errors: map[int]int{503: 1}}) },
		"broken off: no leader":          func(r *Report) { r.Broken = []string{"no leader"} },
		"too weak: 4 faults":             func(r *Report) { r.Faults = map[Kind]int{KillCell: 4} },
		"too weak: 9 kinds of faults":    func(r *Report) { delete(r.Faults, KillCell); r.Faults[KillRouter] = 9 },
		"too weak: 19 moves":             func(r *Report) { r.Done = 19 },
		"too weak: 999 operations in ca": func(r *Report) { r.Calm.Operations = 999 },
		"too weak: 999 operations in fa": func(r *Report) { r.Faulty.Operations = 999 },
		"too weak: 1 moves in calm":      func(r *Report) { r.Pauses = r.Pauses[:1] },
		"too weak: 3 checks":             func(r *Report) { r.Checks = 3 },
		"too weak: 0 rounds":             func(r *Report) { r.Rounds = 0 },
	} {
		r := strong()
		spoil(r)
		if page := r.String(); !strings.Contains(page, want) || !strings.Contains(page, "verdict: BAD") {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestErrorsWithFaultsAreNotHeldAgainstARun(t *testing.T) {
	r := strong()
	r.take(&r.Faulty, load.Stats{Operations: 3, Errors: map[int]int{503: 2, 0: 1}, ByStatus: map[int]int{503: 2, 0: 1}, Wrong: []string{"a", "b"}})
	if reasons := r.Verdict(); len(reasons) > 0 {
		t.Error(reasons)
	}
}
