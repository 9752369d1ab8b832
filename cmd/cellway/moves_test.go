package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMoveWatch_tells_each_change_once(t *testing.T) {
	w := moveWatch{}
	told := func(first bool, moves ...move) string {
		var ids []string
		for _, m := range w.changed(moves, first) {
			ids = append(ids, m.ID+" "+m.State)
		}
		return strings.Join(ids, ", ")
	}
	old, open := move{ID: "old", State: "done"}, move{ID: "new", State: "open"}
	busy, done := open, open
	busy.Error, done.State = "writes in flight", "done"
	for i, c := range []struct {
		moves []move
		want  string
	}{
		{[]move{open, old}, "new open"},
		{[]move{open, old}, ""},
		{[]move{busy, old}, "new open"},
		{[]move{{ID: "quick", State: "undone"}, done, old}, "new done, quick undone"},
		{[]move{{ID: "quick", State: "undone"}, done, old}, ""},
	} {
		if got := told(i == 0, c.moves...); got != c.want {
			t.Errorf("look %d: %q, want %q", i, got, c.want)
		}
	}
}

func TestMoves_shows_who_holds_a_move_up_and_every_table(t *testing.T) {
	var b strings.Builder
	m := move{ID: "one", State: "open", From: "cell-a", To: "cell-b", Error: "pid 7, age 3s", Checksum: "customers:2:ab notes:3:cd"}
	if err := flush(&b, func(w io.Writer) { writeMove(w, m) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"held up by", "pid 7, age 3s", "customers:2:ab", "notes:3:cd", "not yet"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, b.String())
		}
	}
}

func TestCancel_wants_one_thing_named(t *testing.T) {
	for _, args := range [][]string{{"cancel"}, {"cancel", "--rebalance", "--move", "one"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "name one move") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestMoves_lists_with_and_without_the_word(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"moves":[{"id":"one","partition":7}]}`)
	}))
	t.Cleanup(server.Close)
	for _, args := range [][]string{{"moves"}, {"moves", "list"}} {
		var out strings.Builder
		err := run(t.Context(), append(args, "--admin-addr", server.Listener.Addr().String()), &out, io.Discard)
		if err != nil || !strings.Contains(out.String(), "one") {
			t.Errorf("%v: %v: %q", args, err, out.String())
		}
	}
	if err := run(t.Context(), []string{"moves", "lost"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("a word that means nothing: %v", err)
	}
}
