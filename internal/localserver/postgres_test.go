package localserver

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/testgroup"
)

// needPostgres skips where no server is installed; in CI it fails.
func needPostgres(t *testing.T) {
	t.Helper()
	if _, err := FindPostgres("", 0); err != nil {
		missing(t, err)
	}
}

func missing(t *testing.T, err error) {
	t.Helper()
	testgroup.NotRun(t, "tests of private servers", err)
}

// serverDir is a directory that the server's user can enter.
func serverDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cellway-localserver-*") //nolint:usetesting // the server's user cannot enter t.TempDir
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := RemovePostgres(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func startPostgres(t *testing.T, cfg PostgresConfig) *Postgres {
	t.Helper()
	cfg.Settings = map[string]string{"fsync": "off"}
	pg, err := StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pg.Thaw()
		if err := pg.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return pg
}

func queryText(t *testing.T, pg *Postgres, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var v string
	if err := conn.QueryRow(ctx, sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

const (
	keep = `WITH made AS (SELECT set_config('x.y', '', false)) SELECT lo_from_bytea(4242, 'kept')::text FROM made`
	kept = `SELECT convert_from(lo_get(4242), 'UTF8')`
)

func TestPostgresKeepsDataAndPassword(t *testing.T) {
	needPostgres(t)
	dir := serverDir(t)
	first := startPostgres(t, PostgresConfig{Dir: dir})
	queryText(t, first, keep)
	if !first.Created {
		t.Error("the first start did not create the data")
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := startPostgres(t, PostgresConfig{Dir: dir, Port: first.Port})
	if second.Created || second.URL("x") != first.URL("x") {
		t.Errorf("the second start is at %s (created: %v), the first was at %s", second.URL("x"), second.Created, first.URL("x"))
	}
	if got := queryText(t, second, kept); got != "kept" {
		t.Errorf("it holds %q", got)
	}
}

func TestPostgresStartsAgainAfterKill(t *testing.T) {
	needPostgres(t)
	dir := serverDir(t)
	pg := startPostgres(t, PostgresConfig{Dir: dir})
	queryText(t, pg, keep)
	pg.Kill()
	if pg.End() != "killed by signal killed" {
		t.Errorf("ended by %s", pg.End())
	}
	pidFile := filepath.Join(pg.DataDir, "postmaster.pid")
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatalf("no stale lock file to test with: %v", err)
	}
	// The number was given to another live process meanwhile, one that is no server.
	_, rest, _ := strings.Cut(string(raw), "\n")
	stranger := shell(t, "sleep 300", Spec{User: must(serverUser())})
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(stranger.PID())+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	again := startPostgres(t, PostgresConfig{Dir: dir})
	if got := queryText(t, again, kept); got != "kept" {
		t.Errorf("it holds %q", got)
	}
}

func must(user *syscall.Credential, _ error) *syscall.Credential { return user }

func TestPostgresRefusesDataOfALiveServer(t *testing.T) {
	needPostgres(t)
	pg := startPostgres(t, PostgresConfig{Dir: serverDir(t)})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := awaitUnused(ctx, pg.DataDir)
	if !errors.Is(err, ErrDataInUse) || !strings.Contains(err.Error(), strconv.Itoa(pg.PID())) {
		t.Errorf("err = %v", err)
	}
}

func TestPostgresNamesAPortInUse(t *testing.T) {
	needPostgres(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = StartPostgres(t.Context(), PostgresConfig{Dir: serverDir(t), Port: l.Addr().(*net.TCPAddr).Port})
	if !errors.Is(err, ErrPortInUse) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("err = %v", err)
	}
}

func TestPostgresQuotesItsLogWhenItDoesNotStart(t *testing.T) {
	needPostgres(t)
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: serverDir(t), Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("err = %v", err)
	}
}

func TestPostgresDataGoesElsewhereWhereItsUserCannotEnter(t *testing.T) {
	needPostgres(t)
	dir := filepath.Join(t.TempDir(), "closed", "state")
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	pg := startPostgres(t, PostgresConfig{Dir: dir})
	elsewhere := os.Geteuid() == 0 // any other user runs the server himself, and can enter
	if strings.HasPrefix(pg.DataDir, dir) == elsewhere {
		t.Fatalf("the data is in %s", pg.DataDir)
	}
	if err := pg.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := startPostgres(t, PostgresConfig{Dir: dir})
	if again.DataDir != pg.DataDir || again.Created {
		t.Errorf("the second start has its data in %s, the first had it in %s", again.DataDir, pg.DataDir)
	}
	if err := again.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := RemovePostgres(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(pg.DataDir); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", pg.DataDir, err)
	}
}
