package registrytest

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

var orderTests = []test{
	{"what is asked for is kept, and gone when it is taken out", ordersKept},
	{"the leader takes out only what it has read", ordersConflict},
	{"a leader of the past takes nothing out", ordersNotLeader},
	{"an order that is refused changes nothing", ordersRefused},
	{"orders at the same time lose nothing", ordersConcurrent},
}

func fullBook() registry.OrderBook {
	word := registry.Word{Who: "an operator", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	cells := []registry.Cell{{Name: "cell-a", DatabaseID: "db-a", Weight: 1}}
	return registry.OrderBook{
		Pause:   &word,
		Cancels: []registry.Cancel{{Word: word, Move: "one", Partition: 3, From: "cell-a"}},
		Hold:    &registry.Hold{Word: word, Everything: true, Undo: true, Partitions: []placement.Partition{3}, Cells: cells},
		Reverse: &registry.Reverse{Word: word, Rebalance: "r", Legs: []registry.Leg{{From: "cell-b", To: "cell-a", Partitions: []placement.Partition{1, 2}}}},
	}
}

func sameBook(t *testing.T, what string, got, want registry.OrderBook) {
	t.Helper()
	got.Version, want.Version = 0, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func instead(b registry.OrderBook) func(registry.OrderBook) (registry.OrderBook, error) {
	return func(registry.OrderBook) (registry.OrderBook, error) { return b, nil }
}

func ordersKept(t *testing.T, client Factory) {
	r, book := client(t), must[registry.OrderBook](t)
	equal(t, "an empty book's version", book(r.Orders(t.Context())).Version, 0)
	sameBook(t, "stored", book(r.ChangeOrders(t.Context(), instead(fullBook()))), fullBook())
	read := book(client(t).Orders(t.Context()))
	sameBook(t, "read", read, fullBook())
	if read.Version == 0 {
		t.Error("a book has no version")
	}
	l := lead(t, r, "mover-1")
	read.Cancels = nil
	left := book(r.PutOrders(t.Context(), l.term, read))
	without := fullBook()
	without.Cancels = nil
	sameBook(t, "left by the leader", book(client(t).Orders(t.Context())), without)
	equal(t, "the leader's version", left.Version, book(r.Orders(t.Context())).Version)
	gone := book(r.PutOrders(t.Context(), l.term, registry.OrderBook{Version: left.Version}))
	equal(t, "version when all is taken out", gone.Version, 0)
	sameBook(t, "in the end", book(client(t).Orders(t.Context())), registry.OrderBook{})
	for range 2 {
		sameBook(t, "emptied by an operator", book(r.ChangeOrders(t.Context(), instead(registry.OrderBook{}))), registry.OrderBook{})
	}
	sameBook(t, "again", book(r.ChangeOrders(t.Context(), instead(fullBook()))), fullBook())
	sameBook(t, "emptied", book(r.ChangeOrders(t.Context(), instead(registry.OrderBook{}))), registry.OrderBook{})
	equal(t, "version in the end", book(r.Orders(t.Context())).Version, 0)
}

func ordersConflict(t *testing.T, client Factory) {
	r, operator, book := client(t), client(t), must[registry.OrderBook](t)
	l := lead(t, r, "mover-1")
	none := book(r.Orders(t.Context()))
	first := book(operator.ChangeOrders(t.Context(), instead(registry.OrderBook{Pause: fullBook().Pause})))
	_, err := r.PutOrders(t.Context(), l.term, none)
	wantError(t, "an empty book in the place of another", err, registry.ErrConflict)
	second := book(operator.ChangeOrders(t.Context(), instead(fullBook())))
	for what, b := range map[string]registry.OrderBook{"a book": first, "nothing": {Version: first.Version}} {
		_, err := r.PutOrders(t.Context(), l.term, b)
		wantError(t, what+" in the place of another", err, registry.ErrConflict)
	}
	sameBook(t, "kept", book(client(t).Orders(t.Context())), second)
}

func ordersNotLeader(t *testing.T, client Factory) {
	r, book := client(t), must[registry.OrderBook](t)
	l := lead(t, r, "mover-1")
	stored := book(r.ChangeOrders(t.Context(), instead(fullBook())))
	l.stop()
	_, err := r.PutOrders(t.Context(), l.term, registry.OrderBook{Version: stored.Version})
	wantError(t, "after the term", err, registry.ErrNotLeader)
	sameBook(t, "kept", book(client(t).Orders(t.Context())), fullBook())
}

func ordersRefused(t *testing.T, client Factory) {
	r := client(t)
	no := errors.New("no")
	_, err := r.ChangeOrders(t.Context(), func(registry.OrderBook) (registry.OrderBook, error) { return fullBook(), no })
	wantError(t, "a change that fails", err, no)
	sameBook(t, "kept", must[registry.OrderBook](t)(r.Orders(t.Context())), registry.OrderBook{})
}

func ordersConcurrent(t *testing.T, client Factory) {
	var all sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		r := client(t)
		all.Go(func() {
			for range 10 {
				_, err := r.ChangeOrders(t.Context(), func(b registry.OrderBook) (registry.OrderBook, error) {
					b.Cancels = append(b.Cancels, registry.Cancel{Move: name})
					return b, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	equal(t, "cancels", len(must[registry.OrderBook](t)(client(t).Orders(t.Context())).Cancels), 20)
}
