package ledger

import (
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
		{Name: "mood", Type: "mood"},
		{Name: "ratio", Type: "double precision"},
		{Name: "raw", Type: "bytea"},
		{Name: "seen_at", Type: "timestamp with time zone"},
	}
	if got := tables[0]; got.Key != "person" || !slices.Equal(got.Columns, want) {
		t.Errorf("%+v", got)
	}
}

func TestFits(t *testing.T) {
	base := func() []Table {
		return []Table{{Name: "people", Key: "person", Columns: []Column{
			{Name: "person", Type: "text", Required: true}, {Name: "age", Type: "integer"},
		}}}
	}
	for name, tc := range map[string]struct {
		change func(source, target *Table)
		says   string
	}{
		"the same":           {func(_, _ *Table) {}, ""},
		"another order":      {func(_, target *Table) { slices.Reverse(target.Columns) }, ""},
		"optional at target": {func(_, target *Table) { target.Columns = append(target.Columns, Column{Name: "fax", Type: "text"}) }, ""},
		"required at target": {func(_, target *Table) {
			target.Columns = append(target.Columns, Column{Name: "fax", Type: "text", Required: true})
		}, "people.fax"},
		"missing at target":     {func(source, _ *Table) { source.Columns = append(source.Columns, Column{Name: "fax", Type: "text"}) }, "people.fax"},
		"another type":          {func(_, target *Table) { target.Columns[1].Type = "bigint" }, "people.age"},
		"another key":           {func(_, target *Table) { target.Key = "age" }, "people has key"},
		"table of another name": {func(_, target *Table) { target.Name = "persons" }, "table people"},
	} {
		source, target := base(), base()
		tc.change(&source[0], &target[0])
		err := Fits(source, target)
		if (tc.says == "") != (err == nil) || err != nil && !contains(err, tc.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := Fits(nil, base()); err != nil {
		t.Errorf("an older source, without the table: %v", err)
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
