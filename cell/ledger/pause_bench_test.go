package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/cellway/cellway/placement"
)

// BenchmarkPause moves a partition to and fro, with some changes left for the fence each time, and prints how long its
// customers wait in the databases: from the marker until the target owns. It is the same for every size of partition.
//
//	go test -run '^$' -bench Pause -benchtime 6x ./cell/ledger
func BenchmarkPause(b *testing.B) {
	for _, customers := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprint("customers=", customers), func(b *testing.B) {
			from := newStage(b, true)
			from.populate(b, customers)
			to := stage{source: from.target, target: from.source, p: from.p}
			var sum, longest, copying time.Duration
			for n := range b.N {
				cmd := command(fmt.Sprint("m", n), placement.Epoch(n+2))
				from.begin(b, cmd)
				began := time.Now()
				from.copy(b, cmd)
				copying += time.Since(began)
				exec(b, from.source.app, `UPDATE people SET name = name || '.' WHERE person IN (SELECT person FROM people WHERE cellway_partition = $1 LIMIT 50)`, from.p)
				began = time.Now()
				cmd = from.fence(b, cmd)
				from.arrive(b, cmd)
				pause := time.Since(began)
				sum, longest = sum+pause, max(longest, pause)
				from.settle(b, cmd)
				from, to = to, from
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(sum.Microseconds())/1000/float64(b.N), "pause-ms/mean")
			b.ReportMetric(float64(longest.Microseconds())/1000, "pause-ms/max")
			b.ReportMetric(float64(copying.Microseconds())/1000/float64(b.N), "copy-ms/mean")
		})
	}
}

// populate fills the partition with customers who have a note each.
func (s stage) populate(t testing.TB, customers int) {
	t.Helper()
	const batch = 2000
	keys := make([]string, 0, batch)
	flush := func() {
		exec(t, s.source.app, `INSERT INTO people (person, name) SELECT k, 'customer ' || k FROM unnest($1::text[]) k`, keys)
		exec(t, s.source.app, `INSERT INTO notes (person, body) SELECT k, 'note' FROM unnest($1::text[]) k`, keys)
		keys = keys[:0]
	}
	for i, n := 0, 0; n < customers; i++ {
		key := fmt.Sprintf("customer-%d", i)
		if placement.PartitionOf(key, testPartitions) != s.p {
			continue
		}
		if keys, n = append(keys, key), n+1; len(keys) == batch {
			flush()
		}
	}
	flush()
}
