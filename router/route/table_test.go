package route

import (
	"testing"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func unassigned(t *testing.T) *placement.Map {
	t.Helper()
	m, err := placement.NewMap(4)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func addresses(list []registry.Instance) (out []string) {
	for _, in := range list {
		out = append(out, in.Address)
	}
	return out
}

func TestTable_what_a_refusal_taught_stays_until_the_map_has_it(t *testing.T) {
	table := tableOf(t, "cell-a", 5, a1, b1)
	table, news := table.WithOwner(2, Owner{"cell-b", 8})
	if !news || table.Owner(2) != (Owner{"cell-b", 8}) || table.Owner(1) != (Owner{"cell-a", 5}) {
		t.Fatalf("after the refusal: %v %+v", news, table.Owner(2))
	}
	for _, o := range []Owner{{"cell-c", 8}, {"cell-c", 7}, {"", 9}} {
		if _, news := table.WithOwner(2, o); news {
			t.Errorf("%+v is taken for news", o)
		}
	}
	older := table.WithMap(mapOf(t, "cell-a", 7), "cluster", SourceLive)
	if older.Owner(2) != (Owner{"cell-b", 8}) {
		t.Errorf("a map that lags behind the refusal hides it: %+v", older.Owner(2))
	}
	newer := older.WithMap(mapOf(t, "cell-c", 8), "cluster", SourceLive)
	if newer.Owner(2) != (Owner{"cell-c", 8}) || newer.Overrides() != 0 {
		t.Errorf("the map has reached the epoch, but: %+v", newer.Owner(2))
	}
	other := table.WithMap(mapOf(t, "cell-a", 1), "another cluster", SourceLive)
	if other.Owner(2) != (Owner{"cell-a", 1}) {
		t.Errorf("another cluster's owner: %+v", other.Owner(2))
	}
}

func TestTable_an_owner_keeps_its_last_known_instances_when_the_list_loses_them(t *testing.T) {
	table := tableOf(t, "cell-a", 5, a1, a2, b1)
	table = table.WithInstances(nil)
	kept := table.Instances("cell-a")
	if len(kept) != 2 || kept[0].Healthy || kept[1].Healthy {
		t.Errorf("cell-a keeps %+v", kept)
	}
	if len(table.Instances("cell-b")) != 0 {
		t.Errorf("cell-b owns nothing and keeps %+v", table.Instances("cell-b"))
	}
	if act := (Request{Key: key}).Next(table, 0, 0); act.Kind != Send {
		t.Errorf("the kept instances are not tried: %+v", act)
	}
	table = table.WithInstances([]registry.Instance{instance("cell-a", "a:3", true)})
	if got := addresses(table.Instances("cell-a")); len(got) != 1 || got[0] != "a:3" {
		t.Errorf("the list names a:3 alone, the table has %v", got)
	}
}

func TestTable_a_learned_owner_keeps_its_instances_too(t *testing.T) {
	table, _ := tableOf(t, "cell-a", 5, a1, b1).WithOwner(0, Owner{"cell-b", 6})
	if table = table.WithInstances(nil); len(table.Instances("cell-b")) != 1 {
		t.Error("cell-b was learned to own a partition and lost its instance")
	}
}

func TestTable_health_orders_and_spread_rotates(t *testing.T) {
	sick := instance("cell-a", "a:0", false)
	table := tableOf(t, "cell-a", 5, sick, a1, a2)
	for spread, want := range []string{"a:1", "a:2", "a:1"} {
		if act := (Request{Key: key, Spread: uint32(spread)}).Next(table, 0, 0); act.Address != want {
			t.Errorf("spread %d goes to %s, want %s", spread, act.Address, want)
		}
	}
	r := Request{Key: key}.After(Attempt{Outcome: DialFailed, Cell: "cell-a", Address: "a:1"}).
		After(Attempt{Outcome: DialFailed, Cell: "cell-a", Address: "a:2"})
	if act := r.Next(table, 0, 0); act.Kind != Send || act.Address != "a:0" {
		t.Errorf("the sick instance is not tried last: %+v", act)
	}
}

func TestTable_is_never_changed_by_what_is_made_from_it(t *testing.T) {
	table := tableOf(t, "cell-a", 5, a1)
	_, _ = table.WithOwner(0, Owner{"cell-c", 9})
	_ = table.WithInstances([]registry.Instance{c1})
	_ = table.WithMap(mapOf(t, "cell-c", 9), "x", SourceDisk)
	if table.Owner(0) != (Owner{"cell-a", 5}) || len(table.AllInstances()) != 1 || table.Source() != SourceLive || table.Cluster() != "cluster" {
		t.Error("the table has changed")
	}
	if (&Table{}).Source() != SourceNone {
		t.Error("an empty table names a source")
	}
}
