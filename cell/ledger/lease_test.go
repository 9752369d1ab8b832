package ledger

import (
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
)

func TestLeases(t *testing.T) {
	c := newCell(t, testenv.Postgres(t), "cell-a")
	renew := func(instance, addr string, ttl time.Duration) {
		t.Helper()
		if err := c.RenewLease(t.Context(), instance, addr, ttl); err != nil {
			t.Fatal(err)
		}
	}
	leases := func() []Lease {
		t.Helper()
		out, err := c.Leases(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	renew("b", "127.0.0.1:2", time.Hour)
	renew("a", "127.0.0.1:1", time.Hour)
	renew("a", "127.0.0.1:9", 2*time.Hour)
	got := leases()
	if len(got) != 2 || got[0].Instance != "a" || got[0].Addr != "127.0.0.1:9" || got[1].Instance != "b" {
		t.Fatalf("%+v", got)
	}
	if r := got[0].Remaining; r > 2*time.Hour || r < time.Hour {
		t.Errorf("%v remain of 2h", r)
	}
	renew("c", "127.0.0.1:3", time.Millisecond)
	eventually(t, "the lease of c has lapsed", func() bool { return len(leases()) == 2 })
	if err := c.DropLease(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if got := leases(); len(got) != 1 || got[0].Instance != "a" {
		t.Errorf("%+v", got)
	}
	exec(t, c.admin, `UPDATE cell_a.cellway_gates SET until = now() - interval '1 day' WHERE instance = 'c'`)
	renew("a", "127.0.0.1:1", time.Hour)
	if n := one[int](t, c.platform, `SELECT count(*) FROM cellway_gates`); n != 1 {
		t.Errorf("%d leases are kept, want only the living one", n)
	}
	refused(t, protocol.CodeInvalid, c.RenewLease(t.Context(), "", "x", time.Second))
}
