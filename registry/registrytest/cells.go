package registrytest

import (
	"slices"
	"sync"
	"testing"

	"github.com/cellway/cellway/registry"
)

var cellTests = []test{
	{"an announced cell is known, by name", cellsListed},
	{"a cell keeps what was asked of it when it announces itself again", cellKeepsDrain},
	{"a name that is known with another database is refused", cellOtherDatabase},
	{"undrain takes a removal back", cellUndrain},
	{"an unknown cell is not found", cellUnknown},
	{"announcements at the same time lose nothing", cellsConcurrent},
}

func cellsListed(t *testing.T, client Factory) {
	r := client(t)
	equal(t, "cells at first", len(must[[]registry.Cell](t)(r.Cells(t.Context()))), 0)
	announce := must[registry.Cell](t)
	b := announce(r.AnnounceCell(t.Context(), "cell-b", "db-b", 2))
	a := announce(r.AnnounceCell(t.Context(), "cell-a", "db-a", 1))
	equal(t, "record", b, registry.Cell{Name: "cell-b", DatabaseID: "db-b", Weight: 2})
	wantCells(t, client(t), a, b)

	_, err := r.AnnounceCell(t.Context(), "Cell A", "db", 1)
	wantError(t, "an impossible name", err, registry.ErrInvalid)
	_, err = r.AnnounceCell(t.Context(), "cell-c", "db", 0)
	wantError(t, "weight 0", err, registry.ErrInvalid)
	wantCells(t, r, a, b)
}

func wantCells(t *testing.T, r registry.Registry, want ...registry.Cell) {
	t.Helper()
	if got := must[[]registry.Cell](t)(r.Cells(t.Context())); !slices.Equal(got, want) {
		t.Errorf("cells %+v, want %+v", got, want)
	}
}

func cellKeepsDrain(t *testing.T, client Factory) {
	r, operator := client(t), client(t)
	must[registry.Cell](t)(r.AnnounceCell(t.Context(), "cell-a", "db-a", 1))
	ok(t, operator.SetDraining(t.Context(), "cell-a", true))
	draining := registry.Cell{Name: "cell-a", DatabaseID: "db-a", Weight: 3, Draining: true}
	equal(t, "record", must[registry.Cell](t)(r.AnnounceCell(t.Context(), "cell-a", "db-a", 3)), draining)
	ok(t, operator.RemoveCell(t.Context(), "cell-a"))
	removed := draining
	removed.Removed = true
	equal(t, "record", must[registry.Cell](t)(r.AnnounceCell(t.Context(), "cell-a", "db-a", 3)), removed)
	wantCells(t, operator, removed)
}

func cellOtherDatabase(t *testing.T, client Factory) {
	r := client(t)
	a := must[registry.Cell](t)(r.AnnounceCell(t.Context(), "cell-a", "db-a", 1))
	_, err := r.AnnounceCell(t.Context(), "cell-a", "db-b", 2)
	wantError(t, "another database", err, registry.ErrOtherDatabase)
	wantCells(t, r, a)
	ok(t, r.RemoveCell(t.Context(), "cell-a"))
	_, err = r.AnnounceCell(t.Context(), "cell-a", "db-b", 2)
	wantError(t, "another database after removal", err, registry.ErrOtherDatabase)
}

func cellUndrain(t *testing.T, client Factory) {
	r := client(t)
	a := must[registry.Cell](t)(r.AnnounceCell(t.Context(), "cell-a", "db-a", 1))
	ok(t, r.SetDraining(t.Context(), "cell-a", true))
	ok(t, r.RemoveCell(t.Context(), "cell-a"))
	ok(t, r.SetDraining(t.Context(), "cell-a", true))
	removed := a
	removed.Draining, removed.Removed = true, true
	wantCells(t, r, removed)
	ok(t, r.SetDraining(t.Context(), "cell-a", false))
	wantCells(t, r, a)
}

func cellUnknown(t *testing.T, client Factory) {
	r := client(t)
	wantError(t, "SetDraining", r.SetDraining(t.Context(), "cell-x", true), registry.ErrNotFound)
	wantError(t, "RemoveCell", r.RemoveCell(t.Context(), "cell-x"), registry.ErrNotFound)
	wantCells(t, r)
}

func cellsConcurrent(t *testing.T, client Factory) {
	instance, operator := client(t), client(t)
	must[registry.Cell](t)(instance.AnnounceCell(t.Context(), "cell-a", "db-a", 1))
	var both sync.WaitGroup
	both.Go(func() {
		for weight := 2; weight <= 20; weight++ {
			if _, err := instance.AnnounceCell(t.Context(), "cell-a", "db-a", weight); err != nil {
				t.Error(err)
			}
		}
	})
	both.Go(func() {
		for i := range 19 {
			if err := operator.SetDraining(t.Context(), "cell-a", i%2 == 0); err != nil {
				t.Error(err)
			}
		}
	})
	both.Wait()
	wantCells(t, operator, registry.Cell{Name: "cell-a", DatabaseID: "db-a", Weight: 20, Draining: true})
}
