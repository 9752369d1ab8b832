package ledger

import (
	"errors"
	"testing"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
)

func TestAccept_corrects_the_rows_and_lets_the_schema_open_again(t *testing.T) {
	ctx := t.Context()
	c := newCell(t, testenv.Postgres(t), "cell-a")
	if _, err := ReadRestored(ctx, c.platform, c.schema); !errors.Is(err, ErrNotRestored) {
		t.Fatalf("of a schema that lives where it was written: %v", err)
	}
	keep, gone := keyOf(1, 0), keyOf(2, 0)
	c.assignAll(t)
	for _, key := range []string{keep, gone} {
		exec(t, c.app, `INSERT INTO `+c.table("people")+` (person, name) VALUES ($1, 'Ann')`, key)
		exec(t, c.app, `INSERT INTO `+c.table("notes")+` (person, body) VALUES ($1, 'hello')`, key)
	}
	exec(t, c.platform, `UPDATE `+c.table("cellway_identity")+` SET timeline = timeline + 1`)
	if _, err := Open(ctx, c.platform, OpenConfig{Schema: c.schema, Cell: "cell-a"}); !errors.Is(err, ErrRestored) {
		t.Fatalf("opened: %v", err)
	}
	seen, err := ReadRestored(ctx, c.platform, c.schema)
	if err != nil || len(seen.Rows) != testPartitions {
		t.Fatalf("%d rows, %v", len(seen.Rows), err)
	}
	away := seen.Rows[2]
	away.State, away.Peer, away.Epoch, away.HighEpoch, away.Token, away.Swept = protocol.StateMoved, "cell-b", 9, 9, 70, true
	changes := []Change{{Was: seen.Rows[1], Row: seen.Rows[1]}, {Was: seen.Rows[2], Row: away, Wipe: true}}

	// Nothing is done where something has changed since.
	changes[0].Was.Epoch++
	if err := Accept(ctx, c.platform, c.schema, seen, changes); !errors.Is(err, ErrChanged) {
		t.Fatalf("accepted over a changed row: %v", err)
	}
	if got, err := c.Row(ctx, 2); err != nil || got.State != protocol.StateOwned {
		t.Fatalf("%+v, %v", got, err)
	}
	changes[0].Was.Epoch--
	if err := Accept(ctx, c.platform, c.schema, seen, changes); err != nil {
		t.Fatal(err)
	}
	again := open(t, c.platform, "cell-a")
	if row, err := again.Row(ctx, 2); err != nil || row.State != protocol.StateMoved || row.Epoch != 9 || row.Token != 70 || !row.Swept || row.Peer != "cell-b" {
		t.Errorf("%+v, %v", row, err)
	}
	for table, want := range map[string]string{"people": keep, "notes": keep} {
		var left string
		if err := c.admin.QueryRow(ctx, `SELECT string_agg(person, ',') FROM `+c.table(table)).Scan(&left); err != nil || left != want {
			t.Errorf("%s holds rows of %q, %v; want %q", table, left, err, want)
		}
	}
	exec(t, c.app, `UPDATE `+c.table("people")+` SET name = 'Bob' WHERE person = $1`, keep)
	if err := Accept(ctx, c.platform, c.schema, seen, nil); !errors.Is(err, ErrNotRestored) {
		t.Errorf("accepted twice: %v", err)
	}
}
