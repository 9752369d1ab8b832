package ledger

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// plan is how Postgres would carry a statement out, and did.
func plan(t testing.TB, tx pgx.Tx, sql string) string {
	t.Helper()
	rows, err := tx.Query(t.Context(), `EXPLAIN (ANALYZE) `+sql, pgx.QueryExecModeExec)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestNothingOfAMoveIsCompiled(t *testing.T) {
	s := newStage(t, false)
	for _, c := range []*testCell{s.source, s.target} { // whatever the planner thinks that a statement costs
		role := c.platform.Config().ConnConfig.User
		exec(t, c.admin, `ALTER ROLE `+role+` SET jit = on`)
		exec(t, c.admin, `ALTER ROLE `+role+` SET jit_above_cost = 0`)
		c.platform.Reset()
	}
	cmd := command("m1", 2)
	s.begin(t, cmd)
	s.source.person(t, s.p, 0)
	s.copy(t, cmd)
	row, err := s.target.Row(t.Context(), s.p)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := s.source.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := changes{l: s.source.Ledger, m: manifest{Partition: s.p}, base: literal(row.Base), mark: literal(row.Mark)}
	compiles := func(form *pgx.Batch) bool {
		compiled := false
		err := transact(t.Context(), s.source.platform, form, func(tx *transaction) error {
			compiled = strings.Contains(plan(t, tx, c.keys(tables[0])), "JIT")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return compiled
	}
	under, unsettled := s.source.settling(), opening(snapshot)
	under.Queue(byKey())
	unsettled.Queue(byKey())
	if one[bool](t, s.source.platform, `SELECT pg_jit_available()`) && !compiles(unsettled) {
		t.Error("the statement would not be compiled anyhow: this test shows nothing")
	}
	if compiles(under) {
		t.Error("a statement under the fence is compiled")
	}
	cmd = s.attempt(t, cmd)
	for name, within := range map[string]func(fn func(tx pgx.Tx) error) error{
		"step": func(fn func(tx pgx.Tx) error) error { return s.source.inStep(t.Context(), fn) },
		"pull": func(fn func(tx pgx.Tx) error) error {
			_, err := s.target.inBatch(t.Context(), s.p, cmd, catchUp(row.Batch, row.Mark, row.Mark), func(tx pgx.Tx, _ *verdict) error { return fn(tx) })
			return err
		},
	} {
		err := within(func(tx pgx.Tx) error {
			if jit := one[string](t, tx, `SHOW jit`); jit != "off" {
				t.Errorf("%s: jit is %s", name, jit)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// prepared counts how often the session has planned the catalog's statements anew, and taken the plan it had.
func prepared(t testing.TB, pool *pgxpool.Pool) (anew, kept int) {
	t.Helper()
	for _, conn := range pool.AcquireAllIdle(t.Context()) {
		var a, k int
		err := conn.QueryRow(context.WithoutCancel(t.Context()), `SELECT coalesce(sum(custom_plans), 0), coalesce(sum(generic_plans), 0)
			FROM pg_prepared_statements WHERE statement LIKE '%pg_attribute%' OR statement LIKE '%pg_constraint%'`).Scan(&a, &k)
		conn.Release()
		if err != nil {
			t.Fatal(err)
		}
		anew, kept = anew+a, kept+k
	}
	return anew, kept
}

func TestTheCatalogIsPlannedOnceASession(t *testing.T) {
	s := newStage(t, false)
	s.source.person(t, s.p, 0)
	s.move(t, "m1", 2)
	for _, c := range []*testCell{s.source, s.target} {
		if anew, kept := prepared(t, c.platform); anew != 0 || kept == 0 {
			t.Errorf("%s: planned anew %d times, %d times as before", c.name, anew, kept)
		}
	}
}
