package checker

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/cellway/cellway/internal/load"
)

// Report is what the databases hold, and every way in which that is wrong.
type Report struct {
	Rows   map[string]int // customers by cell
	Owned  map[string]int // partitions owned, by cell
	Faults []string       // at most 100
}

func (r *Report) fault(format string, args ...any) {
	if len(r.Faults) < 100 {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// row is a customer as one cell holds it.
type row struct {
	cell string
	n    int // profile.n
}

// evidence is what was read from the cells' databases. What is wrong by itself goes into the report as it is read.
type evidence struct {
	owner  []string         // by partition; "": nobody yet
	found  map[string][]row // by customer ID; one each, if all is well
	report *Report
}

func newEvidence(partitions int) *evidence {
	return &evidence{
		owner: make([]string, partitions), found: map[string][]row{},
		report: &Report{Rows: map[string]int{}, Owned: map[string]int{}},
	}
}

// addState takes in what a cell's database says of one partition.
func (e *evidence) addState(cell string, p int, state, move string) {
	if move != "" {
		e.report.fault("partition %d in %s: still names a move", p, cell)
	}
	switch state {
	case "owned":
		e.addOwner(cell, p)
	case "absent", "moved":
	default:
		e.report.fault("partition %d in %s: state %s at rest", p, cell, state)
	}
}

func (e *evidence) addOwner(cell string, p int) {
	switch {
	case p < 0 || p >= len(e.owner):
		e.report.fault("partition %d: owned by %s, and there are only %d", p, cell, len(e.owner))
	case e.owner[p] != "":
		e.report.fault("partition %d: owned by %s and by %s", p, e.owner[p], cell)
	default:
		e.owner[p] = cell
		e.report.Owned[cell]++
	}
}

// addRow takes in one customer that a cell holds.
func (e *evidence) addRow(cell, id string, profile []byte) {
	var body struct {
		N int `json:"n"`
	}
	if err := json.Unmarshal(profile, &body); err != nil {
		e.report.fault("customer %s in %s: profile %.100s", id, cell, profile)
	}
	e.report.Rows[cell]++
	e.found[id] = append(e.found[id], row{cell, body.N})
}

// compare holds the evidence against the map, and against what the client knows: the states, by customer ID, that
// each may be in.
func (e *evidence) compare(owners map[string]int, known map[string][]load.Expected) {
	e.compareMap(owners)
	for id, rows := range e.found {
		e.comparePlace(id, rows)
		if _, ok := known[id]; !ok {
			e.report.fault("customer %s: nobody wrote it", id)
		}
	}
	for id, states := range known {
		if !fits(states, e.found[id]) {
			e.report.fault("customer %s: expected one of %+v, found %v", id, states, e.found[id])
		}
	}
}

func (e *evidence) compareMap(owners map[string]int) {
	for p, cell := range e.owner {
		if cell == "" {
			e.report.fault("partition %d: owned by nobody", p)
		}
	}
	for cell, n := range owners {
		if e.report.Owned[cell] != n {
			e.report.fault("the map gives %s %d partitions, its database says %d", cell, n, e.report.Owned[cell])
		}
	}
	for cell, n := range e.report.Owned {
		if _, ok := owners[cell]; !ok {
			e.report.fault("the map does not know %s, its database says %d partitions", cell, n)
		}
	}
}

// comparePlace requires that a customer is in one cell alone, which owns its partition.
func (e *evidence) comparePlace(id string, rows []row) {
	if len(rows) > 1 {
		e.report.fault("customer %s: doubled: %v", id, rows)
	}
	for _, in := range rows {
		if own := e.owner[partitionOf(id, len(e.owner))]; own != in.cell {
			e.report.fault("customer %s: orphan in %s, its partition is owned by %q", id, in.cell, own)
		}
	}
}

// partitionOf is the definition, once more: the first four bytes of sha256(key), big-endian, modulo the count.
func partitionOf(key string, count int) int {
	sum := sha256.Sum256([]byte(key))
	return int(binary.BigEndian.Uint32(sum[:4]) % uint32(count))
}

func fits(states []load.Expected, rows []row) bool {
	for _, s := range states {
		if !s.Exists && len(rows) == 0 || s.Exists && len(rows) == 1 && rows[0].n == s.N {
			return true
		}
	}
	return false
}
