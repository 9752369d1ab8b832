package ledger

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
)

func TestGoAndSQLAgreeOnThePartitionOfAKey(t *testing.T) {
	url := testenv.Postgres(t)
	cells := map[int]*testCell{testPartitions: newCell(t, url, "cell-a")}
	for count, name := range map[int]string{1: "cell-one", placement.DefaultPartitions: "cell-many", placement.MaxPartitions: "cell-most"} {
		cfg := prepare(t, url, name)
		cfg.Identity.Partitions = count
		if err := Migrate(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		cells[count] = &testCell{platform: connect(t, cfg.URL)}
	}
	for count, c := range cells {
		agree := func(keys []string) bool {
			rows, err := c.platform.Query(t.Context(), `SELECT k, cellway_partition_of(k) FROM unnest($1::text[]) AS k`, keys)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			n := 0
			for rows.Next() {
				var key string
				var p placement.Partition
				if err := rows.Scan(&key, &p); err != nil {
					t.Fatal(err)
				}
				if want := placement.PartitionOf(key, count); p != want {
					t.Errorf("%q of %d: %d in SQL, %d in Go", key, count, p, want)
					return false
				}
				n++
			}
			return n == len(keys)
		}
		rapid.Check(t, func(rt *rapid.T) {
			// Postgres has no NUL in a text; anything else that is UTF-8 may be a key.
			keys := rapid.SliceOfN(rapid.StringMatching(`[^\x00]{0,40}`), 1, 50).Draw(rt, "keys")
			if !agree(keys) {
				rt.Fatal("they differ")
			}
		})
	}
}

func TestTheTriggerNumbersARowAsTheFunctionDoes(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	c.assignAll(t)
	exec(t, c.app, `INSERT INTO people (person) SELECT 'person-' || n || repeat('ü', n % 3) FROM generate_series(1, 2000) AS n`)
	differ := one[int](t, c.platform, `SELECT count(*) FROM people WHERE cellway_partition <> cellway_partition_of(person)`)
	used := one[int](t, c.platform, `SELECT count(DISTINCT cellway_partition) FROM people`)
	if differ != 0 || used != testPartitions {
		t.Fatalf("%d rows differ, %d partitions used", differ, used)
	}
}
