package registry_test

import (
	"errors"
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func worldOf(t *testing.T, cell string, epoch placement.Epoch) *placement.Map {
	t.Helper()
	m, err := placement.NewMap(4)
	if err == nil && epoch > 0 {
		m, err = m.WithOwner(1, cell, epoch)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNextEpochIsAboveEveryOther(t *testing.T) {
	world := worldOf(t, "cell-a", 20)
	for name, c := range map[string]struct {
		mv        registry.Move
		journal   placement.Epoch
		world     *placement.Map
		above     placement.Epoch
		wantEpoch placement.Epoch
	}{
		"the very first":     {registry.Move{}, 0, nil, 0, 1},
		"above the journal":  {registry.Move{}, 30, world, 7, 31},
		"above the map":      {registry.Move{}, 3, world, 7, world.Epoch() + 1},
		"above what is said": {registry.Move{}, 3, world, 77, 78},
		"kept":               {registry.Move{Epoch: 5}, 30, world, 77, 5},
	} {
		if got := registry.NextEpoch(c.mv, c.journal, c.world, c.above); got != c.wantEpoch {
			t.Errorf("%s: epoch %d, want %d", name, got, c.wantEpoch)
		}
	}
}

func TestFlipMap(t *testing.T) {
	mv := registry.Move{Partition: 1, From: "cell-a", To: "cell-b", Epoch: 20}
	for name, c := range map[string]struct {
		world   *placement.Map
		already bool
		err     error
	}{
		"the source owns it":                       {worldOf(t, "cell-a", 19), false, nil},
		"flipped already":                          {worldOf(t, "cell-b", 20), true, nil},
		"the source owns it since the same epoch":  {worldOf(t, "cell-a", 20), false, registry.ErrConflict},
		"the source owns it since a later epoch":   {worldOf(t, "cell-a", 21), false, registry.ErrConflict},
		"the target owns it since another epoch":   {worldOf(t, "cell-b", 19), false, registry.ErrConflict},
		"another cell owns it":                     {worldOf(t, "cell-c", 19), false, registry.ErrConflict},
		"nobody owns it":                           {worldOf(t, "", 0), false, registry.ErrConflict},
		"the target owns it since a later epoch":   {worldOf(t, "cell-b", 21), false, registry.ErrConflict},
		"another cell owns it since this epoch":    {worldOf(t, "cell-c", 20), false, registry.ErrConflict},
		"the map of before the move's own journal": {worldOf(t, "cell-a", 1), false, nil},
	} {
		before := c.world.Epoch()
		next, already, err := registry.FlipMap(c.world, mv)
		if !errors.Is(err, c.err) || already != c.already {
			t.Errorf("%s: already %v, error %v; want %v, %v", name, already, err, c.already, c.err)
		}
		if err != nil {
			continue
		}
		if owner, epoch := next.Owner(1); owner != "cell-b" || epoch != 20 {
			t.Errorf("%s: owner %s since %d, want cell-b since 20", name, owner, epoch)
		}
		if c.world.Epoch() != before || already != (next == c.world) {
			t.Errorf("%s: the map was changed in place, or copied without need", name)
		}
	}
}

func TestAnnouncedCell(t *testing.T) {
	drained := &registry.Cell{Name: "cell-a", DatabaseID: "db", Weight: 1, Draining: true, Removed: true}
	got, err := registry.AnnouncedCell(drained, "cell-a", "db", 5)
	if want := (registry.Cell{Name: "cell-a", DatabaseID: "db", Weight: 5, Draining: true, Removed: true}); err != nil || got != want {
		t.Errorf("%+v, error %v; want %+v", got, err, want)
	}
	if _, err := registry.AnnouncedCell(drained, "cell-a", "another", 5); !errors.Is(err, registry.ErrOtherDatabase) {
		t.Errorf("error %v, want %v", err, registry.ErrOtherDatabase)
	}
	if _, err := registry.AnnouncedCell(nil, "cell-a", "", 5); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("error %v, want %v", err, registry.ErrInvalid)
	}
	if back := drained.WithDraining(false); back.Draining || back.Removed {
		t.Errorf("after an undrain: %+v", back)
	}
}
