package mover

import (
	"reflect"
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

func healthy(cells ...string) []registry.Instance {
	var list []registry.Instance
	for _, c := range cells {
		list = append(list, registry.Instance{ID: c + "-1", Cell: c, Healthy: true})
	}
	return list
}

func TestPresence_counts_only_uninterrupted_health(t *testing.T) {
	const settle = 3 * time.Second
	start := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

	p := presence{}.observe(healthy("cell-a"), at(0))
	p = p.observe(healthy("cell-a", "cell-b"), at(2))
	if p.settled("cell-a", settle, at(2)) {
		t.Error("settled before its time")
	}
	if !p.settled("cell-a", settle, at(3)) || p.settled("cell-b", settle, at(3)) {
		t.Error("cell-a has settled at 3 s, cell-b has not")
	}
	sick := healthy("cell-a", "cell-b")
	sick[0].Healthy = false
	p = p.observe(sick, at(4)).observe(healthy("cell-a", "cell-b"), at(5))
	if p.settled("cell-a", settle, at(7)) {
		t.Error("an interruption was forgotten")
	}
	if !p.settled("cell-a", settle, at(8)) || !p.settled("cell-b", settle, at(5)) {
		t.Error("settling does not begin again, or another cell's interruption counts")
	}
	two := append(healthy("cell-a"), registry.Instance{ID: "cell-a-2", Cell: "cell-a"})
	if p = p.observe(two, at(9)); !p.settled("cell-a", settle, at(9)) {
		t.Error("a sick instance beside a healthy one interrupts")
	}
}

func TestAssemble_owners_always_others_once_settled(t *testing.T) {
	now := time.Unix(1000, 0)
	m, err := placement.FirstMap(64, []placement.Member{
		{Name: "owner", Weight: 1},
		{Name: "silent", Weight: 1},
		{Name: "forgotten", Weight: 1},
		{Name: "drained", Weight: 1},
		{Name: "removed", Weight: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	cells := []registry.Cell{
		{Name: "drained", Weight: 1, Draining: true},
		{Name: "empty-drained", Weight: 1, Draining: true},
		{Name: "gone", Weight: 1},
		{Name: "new", Weight: 2},
		{Name: "owner", Weight: 1},
		{Name: "removed", Weight: 1, Removed: true},
		{Name: "silent", Weight: 1},
		{Name: "young", Weight: 1},
	}
	seen := presence{
		"owner": now, "new": now.Add(-3 * time.Second), "young": now.Add(-time.Second), "empty-drained": now.Add(-time.Hour),
	}
	got := assemble(m, cells, seen, 3*time.Second, now)
	want := electorate{
		members: []placement.Member{
			{Name: "drained", Weight: 1, Draining: true},
			{Name: "forgotten", Weight: 1},
			{Name: "new", Weight: 2},
			{Name: "owner", Weight: 1},
			{Name: "removed", Weight: 1, Draining: true},
			{Name: "silent", Weight: 1},
		},
		settling: []string{"young"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("assemble:\n got %+v\nwant %+v", got, want)
	}
}

func TestAdmit_ignores_what_belongs_elsewhere_and_says_why(t *testing.T) {
	cluster := registry.Cluster{ID: "c1", Partitions: 64}
	cells := []registry.Cell{{Name: "cell-a", DatabaseID: "db-a"}}
	good := registry.Instance{ID: "cell-a-1", Cell: "cell-a", ClusterID: "c1", DatabaseID: "db-a", Partitions: 64}
	unknown := good
	unknown.ID, unknown.Cell, unknown.DatabaseID = "cell-z-1", "cell-z", "db-z"
	otherCluster, otherCount, otherDatabase := good, good, good
	otherCluster.ClusterID, otherCount.Partitions, otherDatabase.DatabaseID = "c2", 4096, "db-b"

	admitted, refused := admit([]registry.Instance{otherCluster, good, otherCount, unknown, otherDatabase}, cluster, cells)
	if len(admitted) != 2 || admitted[0] != good || admitted[1] != unknown {
		t.Errorf("admitted %+v", admitted)
	}
	if len(refused) != 3 {
		t.Errorf("refused %q", refused)
	}
}

func TestCause_names_what_operators_did(t *testing.T) {
	m, err := placement.FirstMap(64, []placement.Member{{Name: "cell-a", Weight: 1}, {Name: "cell-b", Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := placement.Member{Name: "cell-a", Weight: 1}, placement.Member{Name: "cell-b", Weight: 1}, placement.Member{Name: "cell-c", Weight: 1}
	draining, heavy := b, b
	draining.Draining, heavy.Weight = true, 2
	for want, tc := range map[string][2][]placement.Member{
		"join":    {{a, b}, {a, b, c}},
		"drain":   {{a, b}, {a, draining}},
		"undrain": {{a, draining}, {a, b}},
		"weight":  {{a, b}, {a, heavy}},
		"balance": {{a, b}, {a, b}},
	} {
		if got := cause(tc[0], tc[1], m); got != want {
			t.Errorf("cause is %s, want %s", got, want)
		}
	}
}
