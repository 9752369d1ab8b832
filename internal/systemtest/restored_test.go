package systemtest

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/localserver"
)

// TestRestored restores a cell from a backup that is older than moves which have left the cell: it is not let in until
// somebody has compared it with the others, and then it has what is still its own.
func TestRestored(t *testing.T) {
	t.Setenv("CELLWAY_PARTITIONS", "128") // a join of 32 moves
	f := start(t)
	f.fill(600)
	file := filepath.Join(f.sys.Dir, "cell_a.dump")
	f.postgres(t, "pg_dump", "--schema=cell_a", "--format=custom", "--file="+file)
	before := f.owners(t)["cell-a"]
	f.run(t, 8*time.Minute, "add-cell", "cell-d")
	gone := before - f.owners(t)["cell-a"]
	if gone == 0 {
		t.Fatal("nothing has left cell-a: the test proves nothing")
	}

	f.must(t, f.sys.Signal(t.Context(), "cell-a", syscall.SIGKILL))
	f.execute(t, `DROP SCHEMA cell_a CASCADE`)
	f.postgres(t, "pg_restore", "--exit-on-error", "--dbname=*", file)
	f.execute(t, `UPDATE cell_a.cellway_identity SET timeline = timeline + 1`) // what a restored server's control file does
	if out, err := f.sys.Run(t.Context(), "restart", "cell-a"); err == nil {
		t.Errorf("a restored cell started:\n%s", out)
	}

	compared := f.run(t, time.Minute, "accept-restored", "cell-a")
	t.Logf("the comparison, the end of it:\n%s", tail(compared, 600))
	if n := strings.Count(compared, "owned becomes moved: cell-d owns it"); n != gone {
		t.Errorf("%d partitions are found to be cell-d's, want %d", n, gone)
	}
	if out, err := f.sys.Run(t.Context(), "restart", "cell-a"); err == nil {
		t.Errorf("a cell that was only compared started:\n%s", out)
	}
	f.run(t, time.Minute, "accept-restored", "cell-a", "--yes")
	f.run(t, time.Minute, "restart", "cell-a")
	f.waitForStatus(t, "cell-a", "active")
	f.waitForCell(t, "cell-a")
	stop := f.load(t)
	f.waitForOperations(t, 500)
	f.mustBeSpotless(t, stop())
	f.mustCheck(t)
}

// postgres runs one of Postgres's own programs; "*" stands for the database's URL, which is the last argument where
// it is not named.
func (f *fixture) postgres(t *testing.T, program string, args ...string) {
	t.Helper()
	bin, err := localserver.FindPostgres("", 0)
	f.must(t, err)
	e, err := f.sys.Endpoints()
	f.must(t, err)
	named := false
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "*", e.Postgres)
		named = named || args[i] != arg
	}
	if !named {
		args = append(args, e.Postgres)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, filepath.Join(bin.Dir, program), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// execute runs one statement as a superuser.
func (f *fixture) execute(t *testing.T, sql string) {
	t.Helper()
	e, err := f.sys.Endpoints()
	f.must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, e.Postgres)
	f.must(t, err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	f.must(t, err)
}
