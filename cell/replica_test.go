package cell

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testgroup"
)

// replicated is a Postgres server with an asynchronous standby.
type replicated struct {
	primary, standby *localserver.Postgres
	wal              *link  // between them
	dir              string // the standby's
}

// newReplicated starts both, programs of this machine: containers have no way to copy one another's data.
func newReplicated(t *testing.T) *replicated {
	t.Helper()
	if _, err := localserver.FindPostgres("", 0); err != nil {
		testgroup.NotRun(t, "tests of replicas", err)
	}
	r := &replicated{primary: startServer(t, localserver.PostgresConfig{Dir: serverDir(t)}), dir: serverDir(t)}
	r.wal = newLink(t, r.primary.URL("postgres"))
	r.standby = startServer(t, localserver.PostgresConfig{Dir: r.dir, Follow: r.wal.through(t, r.primary.URL("postgres"))})
	r.catchUp(t)
	return r
}

func serverDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cellway-replica-*") //nolint:usetesting // the server's user cannot enter t.TempDir
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := localserver.RemovePostgres(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func startServer(t *testing.T, cfg localserver.PostgresConfig) *localserver.Postgres {
	t.Helper()
	cfg.Settings = map[string]string{"fsync": "off", "wal_retrieve_retry_interval": "100ms", "restore_command": "false"}
	pg, err := localserver.StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pg.Thaw()
		pg.Kill()
	})
	return pg
}

// catchUp waits until the standby shows everything that is committed.
func (r *replicated) catchUp(t *testing.T) {
	t.Helper()
	var at string
	query(t, r.primary, `SELECT pg_current_wal_flush_lsn()::text`, &at)
	eventually(t, "the standby has everything", func() bool {
		var there bool
		query(t, r.standby, `SELECT coalesce(pg_last_wal_replay_lsn() >= '`+at+`', false)`, &there)
		return there
	})
}

// backUp makes of the standby what it began as, a base backup: files that nobody writes any more, and the log up to now.
func (r *replicated) backUp(t *testing.T) {
	t.Helper()
	r.catchUp(t)
	if err := r.standby.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// restore starts a server on the base backup, by recovery to the end of its log.
func (r *replicated) restore(t *testing.T) {
	t.Helper()
	data := r.standby.DataDir
	if err := os.Rename(filepath.Join(data, "standby.signal"), filepath.Join(data, "recovery.signal")); err != nil {
		t.Fatal(err)
	}
	r.standby = startServer(t, localserver.PostgresConfig{Dir: r.dir})
	eventually(t, "the restored server takes writes", func() bool {
		var recovers bool
		query(t, r.standby, `SELECT pg_is_in_recovery()`, &recovers)
		return !recovers
	})
}

// query reads one value as the superuser.
func query(t *testing.T, pg *localserver.Postgres, sql string, to any) {
	t.Helper()
	queryAt(t, pg.URL("postgres"), sql, to)
}

func queryAt(t *testing.T, url, sql string, to any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, sql).Scan(to); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Rule 13: until every replica of the target has what was moved, the source keeps its rows.
func TestRule13TheSweepWaitsForTheTargetsReplicas(t *testing.T) {
	r := newReplicated(t)
	s := newSystemAt(t, r.primary.URL("postgres"))
	a, b := s.start("cell-a"), s.start("cell-b")
	a.assign(0)
	wantStatus(t, "create", a.put(0, "Ann"), 200)
	m := newMove(t, a, b, 0, 2)
	m.untilReady()
	m.handover()
	if err := r.standby.Freeze(); err != nil { // as a slow or distant one
		t.Fatal(err)
	}
	m.do(b, protocol.VerbOwn, m.underFence)
	wantStatus(t, "nobody waits for the replica but the sweep", b.put(0, "Bob"), 200)
	lags := func(name string) {
		t.Helper()
		_, err := m.try(b, protocol.VerbCheck, nil)
		if protocol.CodeOf(err) != protocol.CodeReplica || !strings.Contains(err.Error(), name) {
			t.Errorf("check with %s behind: %v", name, err)
		}
		if _, err := m.try(a, protocol.VerbSweep, nil); protocol.CodeOf(err) != protocol.CodeConflict {
			t.Errorf("sweep with %s behind: %v", name, err)
		}
	}
	lags("walreceiver")
	if err := r.standby.Thaw(); err != nil {
		t.Fatal(err)
	}
	r.catchUp(t)
	if err := r.standby.Freeze(); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, "what is written later does not matter", b.put(0, "Bea"), 200)
	m.do(b, protocol.VerbCheck, nil)
	if err := r.standby.Thaw(); err != nil {
		t.Fatal(err)
	}

	// One that is not connected is known by its slot alone.
	var at string
	query(t, r.primary, `SELECT lsn::text FROM pg_create_physical_replication_slot('far_away', true)`, &at)
	wantStatus(t, "a write after the slot's position", b.put(0, "Cid"), 200)
	lags("far_away")
	query(t, r.primary, `SELECT 'x' FROM pg_drop_replication_slot('far_away')`, &at)
	m.check()
	m.do(a, protocol.VerbSweep, nil)
}
