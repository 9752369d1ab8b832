package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// scribe writes at random to keys that are its own, and remembers what was acknowledged.
type scribe struct {
	rnd    *rand.Rand
	keys   []string
	people map[string]string
	notes  map[string]map[int64]string // by person
	nextID int64
	done   int
}

func newScribe(seed uint64, p placement.Partition, number, people int) *scribe {
	w := &scribe{
		rnd: rand.New(rand.NewPCG(seed, uint64(number))), people: map[string]string{}, notes: map[string]map[int64]string{},
		nextID: int64(number) * 1_000_000,
	}
	for n := range people {
		w.keys = append(w.keys, keyOf(p, number*people+n))
	}
	return w
}

// draft is what a transaction will have changed, if it commits.
type draft struct {
	*scribe
	tx     pgx.Tx
	people map[string]*string
	notes  map[string]map[int64]string // whole sets, of the persons touched
}

// write runs one transaction of a few random changes at the cell.
func (w *scribe) write(ctx context.Context, c *testCell) error {
	d := draft{scribe: w, people: map[string]*string{}, notes: map[string]map[int64]string{}}
	isolation := pgx.TxOptions{}
	if w.rnd.IntN(3) == 0 {
		isolation.IsoLevel = pgx.RepeatableRead
	}
	err := pgx.BeginTxFunc(ctx, c.app, isolation, func(tx pgx.Tx) error {
		d.tx = tx
		for range 1 + w.rnd.IntN(3) {
			if err := d.change(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.done++
	for key, name := range d.people {
		if name == nil {
			delete(w.people, key)
		} else {
			w.people[key] = *name
		}
	}
	for key, notes := range d.notes {
		w.notes[key] = notes
	}
	return nil
}

func (d *draft) has(key string) bool {
	if name, ok := d.people[key]; ok {
		return name != nil
	}
	_, ok := d.scribe.people[key]
	return ok
}

// notesOf is the draft's own set of a person's notes.
func (d *draft) notesOf(key string) map[int64]string {
	if d.notes[key] == nil {
		d.notes[key] = map[int64]string{}
		for id, body := range d.scribe.notes[key] {
			d.notes[key][id] = body
		}
	}
	return d.notes[key]
}

func (d *draft) exec(ctx context.Context, sql string, args ...any) error {
	_, err := d.tx.Exec(ctx, sql, args...)
	return err
}

func (d *draft) change(ctx context.Context) error {
	key, text := d.keys[d.rnd.IntN(len(d.keys))], fmt.Sprintf("text\t%d\\\n", d.rnd.Uint32())
	if !d.has(key) {
		d.people[key], d.notes[key] = &text, map[int64]string{}
		return d.exec(ctx, `INSERT INTO people (person, name) VALUES ($1, $2)`, key, text)
	}
	notes := d.notesOf(key)
	var some int64
	for id := range notes {
		some = id
		break
	}
	switch kind := d.rnd.IntN(10); {
	case kind == 0:
		d.people[key], d.notes[key] = nil, map[int64]string{}
		return d.exec(ctx, `DELETE FROM people WHERE person = $1`, key)
	case kind < 4 || some == 0:
		d.nextID++
		notes[d.nextID] = text
		return d.exec(ctx, `INSERT INTO notes (id, person, body) VALUES ($1, $2, $3)`, d.nextID, key, text)
	case kind < 6:
		delete(notes, some)
		return d.exec(ctx, `DELETE FROM notes WHERE person = $1 AND id = $2`, key, some)
	case kind < 7:
		d.nextID++
		notes[d.nextID] = notes[some]
		delete(notes, some)
		return d.exec(ctx, `UPDATE notes SET id = $3 WHERE person = $1 AND id = $2`, key, some, d.nextID)
	case kind < 9:
		notes[some] = text
		return d.exec(ctx, `UPDATE notes SET body = $3 WHERE person = $1 AND id = $2`, key, some, text)
	}
	d.people[key] = &text
	return d.exec(ctx, `UPDATE people SET name = $2 WHERE person = $1`, key, text)
}

// found compares what the cell has of the scribe's keys with what was acknowledged.
func (w *scribe) found(t testing.TB, c *testCell) {
	t.Helper()
	for _, key := range w.keys {
		want := ""
		if name, ok := w.people[key]; ok {
			want = fmt.Sprintf("%q", name)
		}
		rows, err := c.app.Query(t.Context(), `SELECT name FROM people WHERE person = $1`, key)
		if err != nil {
			t.Fatal(err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		got := ""
		for _, name := range names {
			got += fmt.Sprintf("%q", name)
		}
		if err != nil || got != want {
			t.Errorf("%s is %s, acknowledged was %s, %v", key, got, want, err)
		}
		w.foundNotes(t, c, key)
	}
}

func (w *scribe) foundNotes(t testing.TB, c *testCell, key string) {
	t.Helper()
	rows, err := c.app.Query(t.Context(), `SELECT id, body FROM notes WHERE person = $1`, key)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64]string{}
	var id int64
	var body string
	if _, err = pgx.ForEachRow(rows, []any{&id, &body}, func() error { got[id] = body; return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(w.notes[key]) && len(got)+len(w.notes[key]) > 0 {
		t.Errorf("notes of %s are %v, acknowledged were %v", key, got, w.notes[key])
	}
}

// TestRule7NothingIsLostDoubledOrResurrected moves a partition while scribes write to it: there and back, with a copy
// that is begun anew, several rounds, and a fence in vain in between.
func TestRule7NothingIsLostDoubledOrResurrected(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := newStage(t, true)
	var scribes []*scribe
	for n := range 4 {
		scribes = append(scribes, newScribe(seed, s.p, n, 6))
	}
	from, to := s, stage{source: s.target, target: s.source, p: s.p}
	for epoch := placement.Epoch(2); epoch < 6; epoch++ {
		from.moveUnder(t, command(fmt.Sprint("m", epoch), epoch), scribes)
		for _, w := range scribes {
			w.found(t, from.target)
		}
		if n := from.source.noted(t) + from.target.noted(t); n != 0 {
			t.Errorf("%d notes are left", n)
		}
		from, to = to, from
	}
	done := 0
	for _, w := range scribes {
		done += w.done
	}
	if t.Logf("%d transactions", done); done < 100 {
		t.Error("too few for a test")
	}
}

// moveUnder moves the partition while the scribes write at its source, until they are refused for good.
func (s stage) moveUnder(t testing.TB, cmd protocol.Command, scribes []*scribe) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var writers errgroup.Group
	defer func() { _ = writers.Wait() }()
	defer stop()
	for _, w := range scribes {
		writers.Go(func() error { return w.until(ctx, s.source) })
	}
	pause := func() { s.source.pause() }
	s.begin(t, cmd)
	pause()
	s.copy(t, cmd)
	if cmd.Epoch%2 == 0 {
		s.begin(t, cmd) // a new attempt
	}
	s.copy(t, cmd)
	pause()
	s.fenced(t, cmd)
	s.expire(t)
	pause()
	s.copy(t, cmd)
	pause()
	cmd = s.fenced(t, cmd)
	s.arrive(t, cmd)
	pause()
	stop()
	if err := writers.Wait(); err != nil {
		t.Fatal(err)
	}
	s.settle(t, cmd)
}

// fenced tries until the fence is had.
func (s stage) fenced(t testing.TB, cmd protocol.Command) protocol.Command {
	t.Helper()
	eventually(t, "the fence", func() bool {
		if err := s.source.SetClosing(t.Context(), s.p, cmd, 1e9); err != nil {
			t.Fatal(err)
		}
		row, err := s.source.Fence(t.Context(), s.p, cmd)
		cmd.FenceNo = row.FenceNo
		return err == nil
	})
	return s.attempt(t, cmd)
}

// until writes until ctx ends; what was refused was not done.
func (w *scribe) until(ctx context.Context, c *testCell) error {
	for ctx.Err() == nil {
		err := w.write(context.WithoutCancel(ctx), c)
		switch state := sqlState(err); {
		case err == nil, state == SQLFenced, state == SQLNotOwned, state == "40001":
		default:
			return fmt.Errorf("a scribe: %w (%s)", err, detail(err))
		}
		c.pause()
	}
	return nil
}
