package route

import (
	"testing"
	"time"
)

// BenchmarkDecide is all the deciding that an ordinary request takes.
func BenchmarkDecide(b *testing.B) {
	table := tableOf(&testing.T{}, "cell-a", 5, a1, a2, b1)
	b.ReportAllocs()
	for i := range uint32(b.N) {
		r := Request{Key: key, Spread: i}
		act := r.Next(table, time.Second, 0)
		r = r.After(Attempt{Outcome: Answered, Cell: act.Cell, Address: act.Address})
		if r.Next(table, time.Second, 0).Kind != Pass {
			b.Fatal("not passed on")
		}
	}
}
