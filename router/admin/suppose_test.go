package admin

import (
	"errors"
	"net/url"
	"testing"

	"github.com/cellway/cellway/registry"
)

func TestAChangeIsPlannedWithoutBeingMade(t *testing.T) {
	w := worldOf(t, "cell-a", "cell-b")
	for query, moves := range map[string]int{
		"":                      0,
		"drain=cell-b":          8,
		"add=cell-c":            5,
		"add=cell-c&weight=2":   8,
		"undrain=cell-b":        0,
		"add=cell-x&weight=256": 15,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		supposed, err := w.suppose(values)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		plan, err := supposed.plan()
		if err != nil || len(plan.Moves) != moves {
			t.Errorf("%s: %d moves, %v; want %d", query, len(plan.Moves), err, moves)
		}
		if was, err := w.plan(); err != nil || len(was.Moves) != 0 {
			t.Errorf("%s has changed the world: %d moves, %v", query, len(was.Moves), err)
		}
	}
	drained := w.change("cell-b", draining)
	supposed, err := drained.suppose(url.Values{"undrain": {"cell-b"}})
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := supposed.plan(); err != nil || len(plan.Moves) != 0 {
		t.Errorf("undrain of a cell that still owns its share: %d moves, %v", len(plan.Moves), err)
	}
}

func TestAChangeThatCannotBeIsRefused(t *testing.T) {
	w := worldOf(t, "cell-a", "cell-b")
	for query, want := range map[string]error{
		"drain=cell-x":              registry.ErrNotFound,
		"undrain=cell-x":            registry.ErrNotFound,
		"add=cell-b":                errOrder,
		"add=Cell":                  errSuppose,
		"add=cell-c&weight=0":       errSuppose,
		"add=cell-c&weight=x":       errSuppose,
		"weight=2":                  errSuppose,
		"drain=cell-a&add=cell-c":   errSuppose,
		"drain=cell-a&undrain=cell": errSuppose,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.suppose(values); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", query, err, want)
		}
	}
	if _, err := worldOf(t, "cell-a").suppose(url.Values{"drain": {"cell-a"}}); !errors.Is(err, errLastCell) {
		t.Errorf("drain of the last cell: %v", err)
	}
}
