package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/mover"
	"github.com/cellway/cellway/placement"
)

// strike carries out one fault while the mover stands at its point, and brings back what was killed.
func (s *system) strike(t *testing.T, f Fault, x told, chance *rand.Rand) {
	t.Helper()
	victim := s.victim(t, f.Victim, x)
	s.record.Note(map[string]string{"fault": f.String(), "victim": victim})
	switch f.Victim {
	case Mover:
		s.kill(victim)
		s.pending = nil
		s.endSession(t, victim)
		if f.Away {
			s.awaitFencesOpen(t)
		}
		s.start(t, "mover")
	case Sessions:
		s.endBackends(t, chance)
	case Postgres:
		s.pg.Kill()
		if f.Away {
			s.passWithout(t, "")
		}
		s.pg.Start()
	default:
		s.kill(victim)
		if f.Away {
			s.passWithout(t, victim)
		}
		s.start(t, victim)
		if _, err := s.reg.Map(t.Context()); err == nil {
			s.awaitHealth(t, victim)
		}
	}
}

// passWithout lets the mover go on until a command has met the absence of the cell ("": of the databases), until the
// move has ended without it, or the mover waits.
func (s *system) passWithout(t *testing.T, cell string) {
	t.Helper()
	s.goOn(order{})
	for {
		x, ok := s.listen(t, 3*time.Second, false)
		switch {
		case !ok:
			return
		case x.At == mover.BeforeOpen, x.At == mover.After(mover.ActDone), x.At == mover.After(mover.ActUndone):
			return
		case x.At != "":
			s.goOn(order{})
		case cell == "" || x.Cell == cell || x.Code == protocol.CodePeer:
			return
		}
	}
}

// endSession ends a dead mover's session in Consul, which would end by itself with its TTL.
func (s *system) endSession(t *testing.T, name string) {
	t.Helper()
	s.until(t, "end the session of "+name, func(ctx context.Context) error {
		var sessions []struct{ ID, Name string }
		if err := s.askConsul(ctx, http.MethodGet, "/v1/session/list", &sessions); err != nil {
			return err
		}
		for _, session := range sessions {
			if session.Name == "cellway leader "+name {
				return s.askConsul(ctx, http.MethodPut, "/v1/session/destroy/"+session.ID, nil)
			}
		}
		return nil
	})
}

func (s *system) askConsul(ctx context.Context, method, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.consul.URL+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, resp.StatusCode)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// endBackends ends the platform's sessions: those that rest, then those that the mover's next commands use; now and
// then it cancels only what they do.
func (s *system) endBackends(t *testing.T, chance *rand.Rand) {
	t.Helper()
	conn := s.connect(t)
	defer conn.Close(context.WithoutCancel(t.Context()))
	ended := 0
	for i := range 4 {
		var n int
		blow := []string{"pg_terminate_backend", "pg_cancel_backend"}[i%2]
		must(t, conn.QueryRow(t.Context(), `SELECT count(`+blow+`(pid)) FROM pg_stat_activity WHERE usename LIKE '%\_platform'`).Scan(&n))
		ended += n
		if i == 0 {
			s.goOn(order{})
		}
		// The next blow falls where the next command is, or is not yet.
		pause := time.NewTimer(time.Duration(chance.IntN(8000)) * time.Microsecond)
		select {
		case <-pause.C:
		case <-t.Context().Done():
		}
	}
	if ended == 0 {
		t.Error("there was no session to end: the case proves nothing")
	}
}

func (s *system) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.database)
	must(t, err)
	return conn
}

// awaitFencesOpen waits until every fence has opened by itself.
func (s *system) awaitFencesOpen(t *testing.T) {
	t.Helper()
	conn := s.connect(t)
	defer conn.Close(context.WithoutCancel(t.Context()))
	s.until(t, "fences to open without a mover", func(ctx context.Context) error {
		for _, cell := range cellNames() {
			var fenced int
			table := pgx.Identifier{placement.SchemaName(cell), "cellway_partitions"}.Sanitize()
			if err := conn.QueryRow(ctx, `SELECT count(*) FROM `+table+` WHERE state = 'fenced'`).Scan(&fenced); err != nil {
				return err
			}
			if fenced > 0 {
				return errors.New("a partition is fenced in " + cell)
			}
		}
		return nil
	})
}
