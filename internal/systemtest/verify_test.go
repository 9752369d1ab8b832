package systemtest

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestVerify asks the system whether all rows are where they belong: at rest, while partitions move, and when they are not.
func TestVerify(t *testing.T) {
	t.Setenv("CELLWAY_PARTITIONS", "256")
	f := start(t)
	f.fill(600)
	f.mustVerify(t, 0, "customers")

	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	joined := make(chan error, 1)
	go func() {
		_, err := f.sys.Run(ctx, "add-cell", "cell-d")
		joined <- err
	}()
	f.waitForMoves(t, 1)
	during := 0
	for waiting := true; waiting; during++ {
		f.mustVerify(t, 0, "256 of 256 partitions")
		select {
		case err := <-joined:
			f.must(t, err)
			waiting = false
		default:
		}
	}
	t.Logf("%d verifications while partitions moved", during)

	// A row of a partition that the cell does not own, put in past every trigger, as nothing but a superuser can.
	f.execute(t, pastTriggers(`INSERT INTO cell_d.customers SELECT * FROM cell_a.customers LIMIT 1`))
	f.mustVerify(t, 1, "WRONG: partition ")
	f.execute(t, pastTriggers(`DELETE FROM cell_d.customers WHERE customer_id IN (SELECT customer_id FROM cell_a.customers)`))
	f.mustVerify(t, 0, "clean")

	f.must(t, f.sys.Signal(ctx, "cell-b", syscall.SIGKILL))
	if out := f.mustVerify(t, 2, "no answer: cell-b"); !strings.Contains(out, "unknown: 192 of 256 partitions") {
		t.Errorf("of cell-b's partitions nothing can be known, of the others all:\n%s", out)
	}
	f.run(t, time.Minute, "restart", "cell-b")
	f.mustCheck(t)
}

// pastTriggers is a change of cell-d's customers with no trigger at work, which only the tables' owner can make.
func pastTriggers(sql string) string {
	return `DO $$ DECLARE t record; BEGIN
		ALTER TABLE cell_d.customers DISABLE TRIGGER USER;
		` + sql + `;
		FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'cell_d.customers'::regclass AND NOT tgisinternal LOOP
			EXECUTE format('ALTER TABLE cell_d.customers ENABLE ALWAYS TRIGGER %I', t.tgname);
		END LOOP;
	END $$`
}

// mustVerify wants the exit code, and the text in what is printed.
func (f *fixture) mustVerify(t *testing.T, code int, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := f.sys.Run(ctx, "verify")
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	}
	if got != code || err != nil && got == 0 || !strings.Contains(out, text) {
		t.Fatalf("exit code %d, want %d and %q: %v\n%s", got, code, text, err, out)
	}
	return out
}
