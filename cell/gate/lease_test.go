package gate

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

func TestLease_without_one_nothing_is_admitted(t *testing.T) {
	f := newFixture(t)
	f.ApplyAll(f.BeginFullLoad(), allOwned())
	w := f.ask("GET", 0)
	wantStatus(t, "read", w, 503)
	if body := bodyOf(t, w); body.Error != "Cell unavailable" || body.Code != CodeUnavailable || body.RequestID != "req-1" {
		t.Errorf("body %+v", body)
	}
	if w.Header().Get("Retry-After") == "" || w.Header().Get(protocol.HeaderFenced) != "" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestLease_lapses_and_is_acquired_anew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serving(t)
		pass(4 * time.Second)
		if !f.Renew(time.Now().Add(5 * time.Second)) {
			t.Fatal("not renewed in time")
		}
		pass(4 * time.Second)
		wantStatus(t, "renewed", f.ask("GET", 0), 200)
		pass(time.Second)
		wantStatus(t, "lapsed", f.ask("GET", 0), 503)
		if f.Renew(time.Now().Add(5 * time.Second)) {
			t.Error("a lapsed lease was renewed")
		}
		if f.Remaining() != 0 {
			t.Errorf("%v remaining", f.Remaining())
		}
		f.acquire(time.Now().Add(5 * time.Second))
		wantStatus(t, "acquired", f.ask("GET", 0), 200)
	})
}

func TestAcquire_serves_nothing_that_it_has_not_read_under_the_lease(t *testing.T) {
	f := serving(t)
	before := f.BeginLoad(0)
	passed, err := f.Acquire(time.Now().Add(time.Hour), func() ([]protocol.Row, error) {
		if s := f.State(0); s != "" {
			t.Errorf("still knows %s", s)
		}
		if f.Apply(before, protocol.Row{State: protocol.StateOwned}) {
			t.Error("a row from before the lease was applied")
		}
		f.CloseReads(1, 1) // somebody's order comes while the rows are read
		return allOwned(), nil
	})
	if err != nil || len(passed) != 1 || passed[0] != 1 {
		t.Fatalf("passed %v, %v", passed, err)
	}
	wantStatus(t, "partition 0", f.ask("GET", 0), 200)
	wantStatus(t, "partition 1, to be read again", f.ask("GET", 1), 503)
}

func TestAcquire_fails_without_the_states(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		broken := errors.New("no database")
		acquire := func(read func() ([]protocol.Row, error)) error {
			_, err := f.Acquire(time.Now().Add(5*time.Second), read)
			wantStatus(t, "read", f.ask("GET", 0), 503)
			return err
		}
		if err := acquire(func() ([]protocol.Row, error) { return nil, broken }); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
		if err := acquire(func() ([]protocol.Row, error) { return allOwned()[1:], nil }); err == nil {
			t.Error("rows are missing, and nobody minded")
		}
		err := acquire(func() ([]protocol.Row, error) {
			pass(6 * time.Second)
			return allOwned(), nil
		})
		if !errors.Is(err, ErrLapsed) {
			t.Errorf("error %v", err)
		}
	})
}

func TestLapse_ends_the_lease_now(t *testing.T) {
	f := serving(t)
	f.Lapse()
	wantStatus(t, "read", f.ask("GET", 0), 503)
}

func TestNew_names_the_field(t *testing.T) {
	for _, c := range []Config{{}, {Cell: "cell-a"}, {Cell: "cell-a", Partitions: 4}} {
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func BenchmarkEnterAndLeave(b *testing.B) {
	f := serving(b)
	f.lease.Store(&lease{until: time.Now().Add(time.Hour)})
	key := keyOf(0)
	b.ReportAllocs()
	for b.Loop() {
		v := &visit{lease: f.lease.Load(), flight: flight{method: "PUT", since: time.Now(), write: true}}
		if v, _ = f.knock(b.Context(), v, placement.PartitionOf(key, testPartitions)); v == nil {
			b.Fatal("refused")
		}
		v.door.leave(&v.flight)
		if !f.holds(v.lease) {
			b.Fatal("lapsed")
		}
	}
}
