package verify

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Verdict is what a verification came to.
type Verdict string

const (
	Clean   Verdict = "clean"   // every partition was settled, and nothing is wrong
	Wrong   Verdict = "wrong"   // something is wrong, for sure
	Unknown Verdict = "unknown" // nothing was found wrong, but not everything could be seen
)

// Report is the answer to whether all rows are where they belong.
type Report struct {
	Verdict    Verdict          `json:"verdict"`
	Partitions int              `json:"partitions"`
	Settled    int              `json:"settled"` // partitions with one owner, which is the map's
	Owned      map[string]int   `json:"owned"`   // of these, by cell
	Rows       map[string]int64 `json:"rows"`    // in these, each counted once, by table
	Wrong      []Finding        `json:"wrong"`
	Unsettled  []Finding        `json:"unsettled"` // what may be a move under way
	Misfiled   map[string]int64 `json:"misfiled"`  // rows whose partition is not that of their key, by table
	Silent     []string         `json:"silent"`    // cells that did not answer, and why
	Rounds     int              `json:"rounds"`
}

// Verification goes on from look to look. The zero value is not usable: see [New].
type Verification struct {
	report Report
	done   map[placement.Partition]settled
	open   map[placement.Partition]*Finding // nil: not judged yet
	wrong  map[placement.Partition]Finding
	silent map[string]string
	asked  map[string]bool // cells whose misfiled rows were counted
}

// settled is what was counted of a partition when it was settled.
type settled struct {
	owner string
	rows  map[string]int64 // by table
}

// New begins a verification of a cluster with that many partitions.
func New(partitions int) *Verification {
	v := &Verification{
		done: map[placement.Partition]settled{},
		open: map[placement.Partition]*Finding{}, wrong: map[placement.Partition]Finding{}, silent: map[string]string{}, asked: map[string]bool{},
	}
	for p := range placement.Partition(partitions) {
		v.open[p] = nil
	}
	v.report = Report{Partitions: partitions, Misfiled: map[string]int64{}}
	return v
}

// Take judges what is not settled yet by one look, in which the cells that Ask named were asked.
func (v *Verification) Take(look Look) {
	v.report.Rounds++
	v.silent = look.Silent
	for cell, held := range look.Answers {
		if !v.asked[cell] {
			v.asked[cell] = true
			for name, n := range held.Misfiled {
				v.report.Misfiled[name] += n
			}
			v.reopen(held)
		}
	}
	seats := table(look.Answers)
	for p, before := range v.open {
		v.takePartition(p, before, look, seats[p])
	}
}

// reopen has every partition judged again of which a cell speaks for the first time: it was settled without that cell.
func (v *Verification) reopen(held protocol.Holdings) {
	again := func(p placement.Partition) {
		if _, ok := v.done[p]; ok {
			delete(v.done, p)
			v.open[p] = nil
		}
	}
	for _, h := range held.Partitions {
		again(h.Partition)
	}
	for _, counts := range held.Tables {
		for p := range counts {
			again(p)
		}
	}
}

func (v *Verification) takePartition(p placement.Partition, before *Finding, look Look, seats []seat) {
	mapped, _ := look.Map.Owner(p)
	_, silent := look.Silent[mapped]
	owner, found := judge(p, look, seats)
	switch {
	case found != nil && found.proven: // whatever the owner would say
		delete(v.open, p)
		v.wrong[p] = *found
	case silent:
		v.open[p] = &Finding{Partition: p, Cells: []string{mapped}, Text: mapped + " owns it by the map, and did not answer", excused: true}
	case found == nil:
		delete(v.open, p)
		v.settle(p, owner, look)
	case !found.excused && before != nil && before.Text == found.Text && answered(found.Cells, look):
		delete(v.open, p)
		v.wrong[p] = *found
	default:
		v.open[p] = found
	}
}

// answered: none of the cells has to be taken at the word of an earlier round.
func answered(cells []string, look Look) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { _, silent := look.Silent[cell]; return silent })
}

func (v *Verification) settle(p placement.Partition, owner string, look Look) {
	rows := map[string]int64{}
	for name, counts := range look.Answers[owner].Tables {
		rows[name] = counts[p]
	}
	v.done[p] = settled{owner, rows}
}

// Ask names the cells to ask in the next round; none when everything is settled, or known to be wrong.
func (v *Verification) Ask() []string {
	cells := map[string]bool{}
	for cell := range v.silent {
		cells[cell] = true
	}
	for _, f := range v.open {
		if f != nil {
			for _, cell := range f.Cells {
				cells[cell] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(cells))
}

// Report says what it came to so far.
func (v *Verification) Report() Report {
	r := v.report
	r.Settled, r.Owned, r.Rows = len(v.done), map[string]int{}, map[string]int64{}
	for _, d := range v.done {
		r.Owned[d.owner]++
		for name, n := range d.rows {
			r.Rows[name] += n
		}
	}
	r.Wrong, r.Unsettled, r.Silent = []Finding{}, []Finding{}, []string{}
	for _, p := range slices.Sorted(maps.Keys(v.wrong)) {
		r.Wrong = append(r.Wrong, v.wrong[p])
	}
	for _, p := range slices.Sorted(maps.Keys(v.open)) {
		if f := v.open[p]; f != nil {
			r.Unsettled = append(r.Unsettled, *f)
		}
	}
	for _, cell := range slices.Sorted(maps.Keys(v.silent)) {
		r.Silent = append(r.Silent, fmt.Sprintf("%s: %s", cell, v.silent[cell]))
	}
	switch {
	case len(r.Wrong) > 0 || len(r.Misfiled) > 0:
		r.Verdict = Wrong
	case len(v.open) > 0 || len(r.Silent) > 0:
		r.Verdict = Unknown
	default:
		r.Verdict = Clean
	}
	return r
}
