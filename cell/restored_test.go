package cell

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
)

// twin makes the same cell, of the same roles and the same database's name, on another server.
func (s *system) twin(t *testing.T, cell string) *system {
	t.Helper()
	was, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	server := testenv.PostgresServer(t)
	other := newSystemAt(t, server.URL)
	other.sql(`CREATE DATABASE ` + pgx.Identifier{strings.TrimPrefix(was.Path, "/")}.Sanitize())
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = was.Path
	other.url, other.suffix = u.String(), s.suffix
	if err := other.start(cell).stop(); err != nil {
		t.Fatal(err)
	}
	return other
}

func TestRestored_copy_gets_no_writes_and_no_commands(t *testing.T) {
	s := newSystem(t)
	l := newLink(t, s.url)
	a := s.start("cell-a", func(c *Config) {
		c.PlatformURL, c.AppURL = l.through(t, c.PlatformURL), l.through(t, c.AppURL)
		c.ReleaseEvery = 5 * time.Millisecond // before the lease's renewal looks at the server
	})
	a.assign(0)
	wantStatus(t, "before", a.put(0, "Ann"), 200)
	twin := s.twin(t, "cell-a")
	// The copy claims to own the partition, and to have fenced another, long ago.
	twin.sql(`UPDATE cell_a.cellway_partitions SET state = 'owned', epoch = 1 WHERE partition = 0`)
	twin.sql(`UPDATE cell_a.cellway_partitions SET state = 'fenced', move = 'm', deadline = now() WHERE partition = 1`)
	l.setCut(true)
	l.lead(t, twin.url)
	l.setCut(false)
	eventually(t, "writes are refused, reads are not", func() bool {
		got := a.put(0, "x")
		return got.status == 503 && strings.Contains(got.body, "restored") && a.get(0).status == 404
	})
	eventually(t, "health says so", func() bool {
		health := a.send("GET", "/health", "")
		return health.status == 503 && strings.Contains(health.body, "restored")
	})
	_, err := s.peers().Do(t.Context(), a.InternalAddr(), 0, protocol.VerbAdopt, protocol.Command{Token: 9})
	if protocol.CodeOf(err) != protocol.CodeInternal || !strings.Contains(err.Error(), "restored") {
		t.Errorf("command: %v", err)
	}
	if row := a.row(1); row.State != protocol.StateFenced {
		t.Errorf("released: %+v", row)
	}
}
