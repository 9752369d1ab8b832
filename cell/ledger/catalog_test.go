package ledger

import (
	"reflect"
	"slices"
	"testing"

	"github.com/cellway/cellway/internal/testenv"
)

func TestTheCatalogHoldsWhatTravelsParentsFirst(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	tables, err := c.Tables(t.Context())
	if err != nil || len(tables) != 2 || tables[0].Name != "people" || tables[1].Name != "notes" {
		t.Fatalf("%+v, %v", tables, err)
	}
	want := []Column{
		{Name: "person", Type: "text", Required: true},
		{Name: "name", Type: "text"},
		{Name: "profile", Type: "jsonb"},
		{Name: "mood", Type: "mood", Labels: []string{"good", "bad"}},
		{Name: "ratio", Type: "double precision"},
		{Name: "raw", Type: "bytea"},
		{Name: "seen_at", Type: "timestamp with time zone"},
	}
	if got := tables[0]; got.Key != "person" || !reflect.DeepEqual(got.Columns, want) || !slices.Equal(got.Generated, []string{"shout"}) {
		t.Errorf("%+v", got)
	}
}

func TestParentsFirst(t *testing.T) {
	tables := []Table{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}}
	got := parentsFirst(tables, map[string][]string{"a": {"c", "gone"}, "c": {"b"}, "d": {"e"}, "e": {"d"}})
	var names []string
	for _, t := range got {
		names = append(names, t.Name)
	}
	if want := []string{"b", "c", "a", "e", "d"}; !slices.Equal(names, want) {
		t.Fatalf("got %v, want %v", names, want)
	}
}
