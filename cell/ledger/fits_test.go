package ledger

import (
	"slices"
	"strings"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
)

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
		"missing at target": {func(source, _ *Table) { source.Columns = append(source.Columns, Column{Name: "fax", Type: "text"}) }, "people.fax"},
		"another type":      {func(_, target *Table) { target.Columns[1].Type = "bigint" }, "people.age"},
		"same enum, one label more": {func(source, target *Table) {
			source.Columns[1].Labels, target.Columns[1].Labels = []string{"a"}, []string{"b", "a"}
		}, ""},
		"enum without a label": {func(source, target *Table) {
			source.Columns[1].Labels, target.Columns[1].Labels = []string{"a", "b"}, []string{"a"}
		}, `people.age is integer, which lacks "b"`},
		"another shape":  {func(source, target *Table) { source.Columns[1].Shape, target.Columns[1].Shape = "a integer", "a text" }, "people.age"},
		"shape not told": {func(source, _ *Table) { source.Columns[1].Shape = "a integer" }, ""},
		"stored at target": {func(source, target *Table) {
			source.Generated = []string{"age"}
			source.Columns = source.Columns[:1]
		}, "people.age is generated at the source"},
		"generated at target": {func(_, target *Table) {
			target.Generated = []string{"age"}
			target.Columns = target.Columns[:1]
		}, "people.age is missing at the target, where it is generated"},
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

// Rule 14 by catalogs of real tables: a deploy that is half-way has changed one side.
func TestCellsWhoseTablesDifferMoveWhatFitsAndNameTheRest(t *testing.T) {
	const size, sizes = `CREATE TYPE size AS (w int, h int);`, `ALTER TABLE people ADD COLUMN sizes size[];`
	for name, tc := range map[string]struct{ source, target, says string }{
		"the same": {},
		"more at the target": {"", `ALTER TABLE people ADD COLUMN fax text, ADD COLUMN since timestamptz NOT NULL DEFAULT now(),
			ADD COLUMN n int NOT NULL GENERATED ALWAYS AS IDENTITY, ADD COLUMN loud text GENERATED ALWAYS AS (upper(name)) STORED;
			CREATE TABLE pets (person text PRIMARY KEY REFERENCES people); SELECT cellway_track('pets', 'person')`, ""},
		"one label more at the target": {"", `ALTER TYPE mood ADD VALUE 'mixed' BEFORE 'bad'`, ""},
		"required at the target":       {"", `ALTER TABLE people ADD COLUMN fax text NOT NULL`, "column people.fax of the target is NOT NULL"},
		"column missing":               {`ALTER TABLE notes ADD COLUMN fax text`, "", "column notes.fax is missing at the target"},
		"column dropped at the target": {"", `ALTER TABLE people DROP COLUMN ratio`, "column people.ratio is missing at the target"},
		"column renamed":               {"", `ALTER TABLE people RENAME COLUMN raw TO image`, "column people.raw is missing at the target"},
		"another type":                 {"", `ALTER TABLE people ALTER COLUMN ratio TYPE numeric`, "column people.ratio is double precision at the source and numeric at the target"},
		"another length":               {"", `ALTER TABLE notes ALTER COLUMN body TYPE varchar(10)`, "column notes.body is text at the source and character varying(10) at the target"},
		"label missing":                {`ALTER TYPE mood ADD VALUE 'mixed'`, "", `column people.mood is mood, which lacks "mixed" at the target`},
		"another composite":            {size + sizes, `CREATE TYPE size AS (w int, h bigint);` + sizes, "people.sizes is size[], which is (w integer, h integer) at the source and (w integer, h bigint)"},
		"another domain": {
			`CREATE DOMAIN rate AS int; ALTER TABLE people ADD COLUMN rate rate`, `CREATE DOMAIN rate AS text; ALTER TABLE people ADD COLUMN rate rate`,
			"people.rate is rate, which is (integer) at the source and (text) at the target",
		},
		"stored at the target": {"", `ALTER TABLE people ALTER COLUMN shout DROP EXPRESSION`, "column people.shout is generated at the source and stored at the target"},
		// Also where it holds nothing of the partition: see Fits.
		"table missing, and empty": {`CREATE TABLE pets (person text PRIMARY KEY); SELECT cellway_track('pets', 'person')`, "", "table pets is tracked at the source and not at the target"},
		"table there, not tracked": {`CREATE TABLE pets (person text PRIMARY KEY); SELECT cellway_track('pets', 'person')`, `CREATE TABLE pets (person text PRIMARY KEY)`, "table pets is tracked at the source and not"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, false)
			for sql, c := range map[string]*testCell{strings.TrimSpace(tc.source): s.source, strings.TrimSpace(tc.target) + " ": s.target} {
				if _, err := c.platform.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			s.source.person(t, s.p, 0)
			before := one[string](t, s.source.app, content, s.p)
			if tc.says == "" {
				s.move(t, "m1", 2)
				if after := one[string](t, s.target.app, content, s.p); after != before {
					t.Errorf("came as %s, left as %s", after, before)
				}
				return
			}
			cmd := command("m1", 2)
			s.begin(t, cmd)
			_, err := s.target.Copy(t.Context(), s.p, s.attempt(t, cmd), s.from)
			refused(t, protocol.CodeCatalog, err)
			if !contains(err, tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
			s.undo(t, cmd)
			exec(t, s.source.app, update, keyOf(s.p, 0)) // works on as before
		})
	}
}
