package checker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/load"
)

const partitions = 4

// sound is what two servers with a cell each hold when all is well: cell-a owns the even partitions, cell-b the odd.
func sound() (*evidence, map[string]int, map[string][]load.Expected) {
	e := newEvidence(partitions)
	for p := range partitions {
		e.addState(cellOf(p), p, "owned", "")
		e.addState(cellOf(p+1), p, []string{"absent", "moved"}[p/2], "")
	}
	known := map[string][]load.Expected{"nobody": {{Exists: false, N: 3}}, "unsure": {{Exists: true, N: 1}, {Exists: false}}}
	for i := range 8 {
		id := load.ID("load", i)
		known[id] = []load.Expected{{Exists: true, N: i}}
		e.addRow(cellOf(partitionOf(id, partitions)), id, fmt.Appendf(nil, `{"n":%d}`, i))
	}
	return e, map[string]int{"cell-a": 2, "cell-b": 2}, known
}

func cellOf(p int) string { return []string{"cell-a", "cell-b"}[p%2] }

func TestNothingIsWrongWithASoundSystem(t *testing.T) {
	e, owners, known := sound()
	e.compare(owners, known)
	if len(e.report.Faults) > 0 {
		t.Errorf("faults: %v", e.report.Faults)
	}
	if r := e.report; r.Owned["cell-a"] != 2 || r.Owned["cell-b"] != 2 || r.Rows["cell-a"]+r.Rows["cell-b"] != 8 {
		t.Errorf("counted: %+v", r)
	}
}

func TestEachFaultIsNamed(t *testing.T) {
	const id = "load-00005"
	home := cellOf(partitionOf(id, partitions))
	other := cellOf(partitionOf(id, partitions) + 1)
	for name, c := range map[string]struct {
		spoil func(e *evidence, owners map[string]int, known map[string][]load.Expected)
		want  string
	}{
		"lost": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) { delete(e.found, id) },
			"customer " + id + ": expected one of [{Exists:true N:5}], found []",
		},
		"doubled": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addRow(other, id, []byte(`{"n":5}`))
			},
			"customer " + id + ": doubled",
		},
		"doubled in one cell's schemas on two servers": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addRow(home, id, []byte(`{"n":5}`))
			},
			"customer " + id + ": doubled",
		},
		"orphan": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) { e.found[id] = []row{{other, 5}} },
			"customer " + id + ": orphan in " + other + ", its partition is owned by \"" + home + "\"",
		},
		"wrong value": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) { e.found[id] = []row{{home, 4}} },
			"customer " + id + ": expected one of [{Exists:true N:5}], found [{" + home + " 4}]",
		},
		"no value": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addRow(home, "odd", []byte(`null,`))
			},
			"customer odd in " + home + ": profile null,",
		},
		"deleted and there": {
			func(e *evidence, _ map[string]int, known map[string][]load.Expected) {
				known[id] = []load.Expected{{Exists: false, N: 5}}
			},
			"customer " + id + ": expected one of [{Exists:false N:5}]",
		},
		"neither of two possible values": {
			func(e *evidence, _ map[string]int, known map[string][]load.Expected) {
				known[id] = []load.Expected{{Exists: true, N: 6}, {Exists: true, N: 7}}
			},
			"customer " + id + ": expected one of [{Exists:true N:6} {Exists:true N:7}]",
		},
		"nobody's row": {
			func(_ *evidence, _ map[string]int, known map[string][]load.Expected) { delete(known, id) },
			"customer " + id + ": nobody wrote it",
		},
		"owned twice": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addState("cell-b", 0, "owned", "")
			},
			"partition 0: owned by cell-a and by cell-b",
		},
		"owned twice by one name on two servers": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addState("cell-a", 0, "owned", "")
			},
			"partition 0: owned by cell-a and by cell-a",
		},
		"owned by nobody": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) { e.owner[3] = "" },
			"partition 3: owned by nobody",
		},
		"beyond the count": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addState("cell-a", 4, "owned", "")
			},
			"partition 4: owned by cell-a, and there are only 4",
		},
		"not at rest": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addState("cell-b", 2, "importing", "")
			},
			"partition 2 in cell-b: state importing at rest",
		},
		"names a move": {
			func(e *evidence, _ map[string]int, _ map[string][]load.Expected) {
				e.addState("cell-b", 2, "moved", "m-1")
			},
			"partition 2 in cell-b: still names a move",
		},
		"the map disagrees": {
			func(_ *evidence, owners map[string]int, _ map[string][]load.Expected) { owners["cell-a"] = 3 },
			"the map gives cell-a 3 partitions, its database says 2",
		},
		"the map names a cell that is nowhere": {
			func(_ *evidence, owners map[string]int, _ map[string][]load.Expected) { owners["cell-c"] = 1 },
			"the map gives cell-c 1 partitions, its database says 0",
		},
		"the map does not know a cell": {
			func(_ *evidence, owners map[string]int, _ map[string][]load.Expected) { delete(owners, "cell-b") },
			"the map does not know cell-b, its database says 2 partitions",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, owners, known := sound()
			c.spoil(e, owners, known)
			e.compare(owners, known)
			if !strings.Contains(strings.Join(e.report.Faults, "\n"), c.want) {
				t.Errorf("want %q among the faults:\n%s", c.want, strings.Join(e.report.Faults, "\n"))
			}
		})
	}
}

func TestAnUnknownOutcomeFitsEither(t *testing.T) {
	states := []load.Expected{{Exists: true, N: 1}, {Exists: true, N: 2}}
	for n, want := range map[int]bool{1: true, 2: true, 3: false} {
		if fits(states, []row{{"cell-a", n}}) != want {
			t.Errorf("value %d fits: %v", n, !want)
		}
	}
	if fits(states, nil) {
		t.Error("a lost customer fits")
	}
}

func TestFaultsAreBounded(t *testing.T) {
	e := newEvidence(4096)
	e.compare(nil, nil)
	if len(e.report.Faults) != 100 {
		t.Errorf("%d faults", len(e.report.Faults))
	}
}

// TestPartitionOfIsTheDefinition: sha256("abc") begins with ba7816bf, as FIPS 180-2 has it.
func TestPartitionOfIsTheDefinition(t *testing.T) {
	if got := partitionOf("abc", 4096); got != 0x6bf {
		t.Errorf("%#x", got)
	}
}
