package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/checker"
	"github.com/cellway/cellway/internal/load"
	"github.com/cellway/cellway/placement"
)

// judge requires that nothing of the faults is left. No move is open, and nobody writes.
func (s *system) judge(t *testing.T) {
	t.Helper()
	s.until(t, "every customer to be read as it was acknowledged", func(ctx context.Context) error {
		s.record.SetPace(0)
		s.client.Visit(ctx, prefix, people, workers)
		s.record.SetPace(perSecond)
		seen := s.client.Take()
		mustBeDeserved(t, seen)
		if seen.ErrorCount() > 0 {
			return fmt.Errorf("%s", strings.Join(seen.Wrong, "\n"))
		}
		return nil
	})
	conn := s.connect(t)
	defer conn.Close(context.WithoutCancel(t.Context()))
	m, err := s.reg.Map(t.Context())
	must(t, err)
	s.until(t, "the databases to be clean", func(ctx context.Context) error {
		for _, cell := range cellNames() {
			if err := residue(ctx, conn, cell); err != nil {
				return err
			}
		}
		return nil
	})
	for _, cell := range cellNames() {
		s.mustOwn(t, conn, cell, m)
	}
	s.mustKeepNoOpenMove(t)
	report, err := checker.Check(t.Context(), []string{s.database}, partitions, counts(m), s.model)
	must(t, err)
	if len(report.Faults) > 0 {
		t.Errorf("the databases are not as they should be:\n%s", strings.Join(report.Faults, "\n"))
	}
}

// mustBeDeserved requires that the client saw nothing worse than that it could not be served just then.
func mustBeDeserved(t *testing.T, seen load.Stats) {
	t.Helper()
	if seen.Failed["wrong"]+seen.Failed["undeserved"] > 0 {
		t.Errorf("the client saw what it should not have: %s\n%s", seen, strings.Join(seen.Wrong, "\n"))
	}
	for status, n := range seen.ByStatus {
		if status >= http.StatusInternalServerError && status != http.StatusBadGateway && status != http.StatusServiceUnavailable {
			t.Errorf("%d answers with status %d\n%s", n, status, strings.Join(seen.Wrong, "\n"))
		}
	}
}

// residue says what a move has left behind in a cell's schema.
func residue(ctx context.Context, conn *pgx.Conn, cell string) error {
	table := func(name string) string { return pgx.Identifier{placement.SchemaName(cell), name}.Sanitize() }
	var closing, gone, touched, busy, unswept int
	err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM `+table("cellway_closing")+`), (SELECT count(*) FROM `+table("cellway_tombstones")+`),
		(SELECT count(*) FROM `+table("cellway_touched")+`), count(*) FILTER (WHERE move <> '' OR state IN ('importing', 'ready', 'fenced')),
		count(*) FILTER (WHERE state = 'moved' AND NOT swept) FROM `+table("cellway_partitions")).Scan(&closing, &gone, &touched, &busy, &unswept)
	if err != nil {
		return err
	}
	if closing+gone+touched+busy+unswept > 0 {
		return fmt.Errorf("%s still has %d markers of closed gates, %d tombstones, %d changed keys, %d partitions that name a move, %d not swept",
			cell, closing, gone, touched, busy, unswept)
	}
	return nil
}

// mustOwn requires that a cell owns what the map says, partition by partition, since the same epoch.
func (s *system) mustOwn(t *testing.T, conn *pgx.Conn, cell string, m *placement.Map) {
	t.Helper()
	table := pgx.Identifier{placement.SchemaName(cell), "cellway_partitions"}.Sanitize()
	rows, err := conn.Query(t.Context(), `SELECT partition, epoch FROM `+table+` WHERE state = 'owned' ORDER BY 1`)
	must(t, err)
	type held struct {
		Partition int
		Epoch     placement.Epoch
	}
	owned, err := pgx.CollectRows(rows, pgx.RowToStructByPos[held])
	must(t, err)
	var mapped []held
	for p := range partitions {
		if owner, since := m.Owner(placement.Partition(p)); owner == cell {
			mapped = append(mapped, held{p, since})
		}
	}
	if !slices.Equal(owned, mapped) {
		t.Errorf("%s owns %v, the map says %v", cell, owned, mapped)
	}
}

// mustKeepNoOpenMove looks at Consul's keys themselves: no move is open, and nobody but the leader holds a lock.
func (s *system) mustKeepNoOpenMove(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.consul.Addr+"/v1/kv/?recurse", nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	var pairs []struct{ Key, Session string }
	must(t, json.NewDecoder(resp.Body).Decode(&pairs))
	if len(pairs) < 5 { // the cluster, the map, the epoch, the token, the leader
		t.Errorf("only %d keys in Consul: %v", len(pairs), pairs)
	}
	for _, pair := range pairs {
		if strings.Contains(pair.Key, "/moves/open/") {
			t.Errorf("Consul still has %s", pair.Key)
		}
		if pair.Session != "" && !strings.HasSuffix(pair.Key, "/leader") {
			t.Errorf("Consul's key %s is still locked by session %s", pair.Key, pair.Session)
		}
	}
}

func counts(m *placement.Map) map[string]int {
	all := map[string]int{}
	for _, cell := range cellNames() {
		all[cell] = m.Counts()[cell]
	}
	return all
}

// work lets the client write and read; the function returned stops it and says what it saw.
func (s *system) work(t *testing.T) (stop func() load.Stats) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.client.Run(ctx, prefix, people, workers)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() load.Stats {
		cancel()
		<-done
		return s.client.Take()
	}
}

// awaitOperations waits until the client has done more.
func (s *system) awaitOperations(t *testing.T, more int) {
	t.Helper()
	target := s.client.Operations() + more
	s.until(t, "the client to work", func(context.Context) error {
		if n := s.client.Operations(); n < target {
			return fmt.Errorf("%d of %d operations", n, target)
		}
		return nil
	})
}
