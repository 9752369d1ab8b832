package cell

import (
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/cell/gate"
	"github.com/cellway/cellway/internal/testenv"
)

// shortLease lets a lease lapse soon, but not while a crowded machine renews it late.
func shortLease(c *Config) { c.LeaseTTL, c.LeaseEvery = 3*time.Second, 200*time.Millisecond }

func TestLease_lapses_while_the_database_is_frozen_and_comes_back(t *testing.T) {
	server := testenv.PostgresServer(t)
	s := newSystemAt(t, server.Database(t))
	a := s.start("cell-a", shortLease)
	a.assign(0)
	wantStatus(t, "before", a.put(0, "Ann"), 200)
	write, read := a.hold("PUT", 0), a.hold("GET", 0)

	server.Pause()
	eventually(t, "refused", func() bool {
		got := a.get(1)
		return got.status == 503 && strings.Contains(got.body, gate.CodeUnavailable) && got.header.Get("Retry-After") != ""
	})
	eventually(t, "unhealthy", func() bool {
		got := a.send("GET", "/health", "")
		return got.status == 503 && strings.Contains(got.body, `"cell_id":"cell-a"`) && strings.Contains(got.body, "unreachable")
	})
	server.Resume()
	eventually(t, "serves again", func() bool { return a.get(0).status == 200 })

	got := write()
	if got.status != 502 || !strings.Contains(got.body, gate.CodeOutcomeUnknown) {
		t.Errorf("the write that was admitted before: %v", got)
	}
	got = read()
	if got.status != 503 || strings.Contains(got.body, "Ann") {
		t.Errorf("the read that was admitted before: %v", got)
	}
}

func TestLease_taken_anew_reads_what_changed_meanwhile(t *testing.T) {
	s := newSystem(t)
	l := newLink(t, s.url)
	a := s.start("cell-a", shortLease, func(c *Config) {
		c.PlatformURL, c.ReloadEvery = l.through(t, c.PlatformURL), time.Hour
	})
	a.assign(0, 1)
	wantStatus(t, "before", a.put(0, "Ann"), 200)
	held := a.hold("GET", 0)
	l.setCut(true)
	eventually(t, "refused", func() bool { return a.put(1, "x").status == 503 })
	// Nobody waits for an instance without a lease: the partition goes on to another cell.
	s.sql(`UPDATE cell_a.cellway_partitions SET state = 'moved', epoch = 2, peer = 'cell-b' WHERE partition = 0`)
	l.setCut(false)
	eventually(t, "serves again", func() bool { return a.put(1, "x").status == 200 })
	wantStatus(t, "what went on", a.get(0), 421)
	wantStatus(t, "the read that was admitted before", held(), 503)
}
