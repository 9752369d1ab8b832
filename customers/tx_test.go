package customers

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestSessionLostAtCommit(t *testing.T) {
	s := start(t)
	for name, forward := range map[string]bool{"before the server saw it": false, "before the answer came back": true} {
		t.Run(name, func(t *testing.T) {
			s.exec("DELETE FROM customers")
			cut, dbURL := newCutter(t, s.db, forward)
			base := s.serve(open(t, dbURL))
			s.send(base, "POST", "/api/customers/before", alice, nil).want(t, 201, "", "")

			cut.arm(true)
			for _, call := range [][2]string{
				{"POST", "/api/customers/new"}, {"PUT", "/api/customers/before"}, {"DELETE", "/api/customers/before"},
			} {
				r := s.send(base, call[0], call[1], alice, nil)
				r.want(t, http.StatusBadGateway, "Outcome unknown", "outcome_unknown")
				if r.header.Get("Retry-After") != "" {
					t.Error("the client is asked to repeat what may have been done")
				}
			}
			want := 0
			if forward {
				want = 1
			}
			eventually(t, "the server carried out what it was sent, and only that", func() bool {
				return s.count("SELECT count(*) FROM customers WHERE customer_id = 'new'") == want
			})

			cut.arm(false)
			s.send(base, "POST", "/api/customers/after", alice, nil).want(t, 201, "", "")
		})
	}
}

func TestSessionKilledBeforeCommit(t *testing.T) {
	s := start(t)
	s.do("POST", "/api/customers/x", alice).want(t, 201, "", "")
	for method, body := range map[string]string{"PUT": `{"name":"B"}`, "DELETE": "", "POST": alice} {
		t.Run(method, func(t *testing.T) {
			unlock := s.lockTable()
			defer unlock()
			answer := make(chan reply, 1)
			go func() {
				defer close(answer) // also when do fails
				answer <- s.do(method, "/api/customers/x", body)
			}()
			eventually(t, "the statement waits and its session is killed", func() bool {
				return s.count(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
					WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%customers%'`) > 0
			})
			wantNotDone(t, <-answer)
		})
	}
	if n := s.count("SELECT count(*) FROM customers WHERE name = 'Alice'"); n != 1 {
		t.Error("a write was done that was answered with 503")
	}
	if r := s.do("GET", "/api/customers/x", ""); r.status != 200 {
		t.Errorf("afterwards: %d", r.status)
	}
}

// lockTable keeps every statement on customers waiting until the returned function is called.
func (s *system) lockTable() (unlock func()) {
	s.t.Helper()
	tx, err := s.pool.Begin(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := tx.Exec(s.t.Context(), "LOCK TABLE customers IN ACCESS EXCLUSIVE MODE"); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	}
}

func TestRequestThatTakesTooLongIsNotDone(t *testing.T) {
	s := start(t, func(c *Config) { c.Timeout = 100 * time.Millisecond })
	s.do("POST", "/api/customers/x", alice).want(t, 201, "", "")
	unlock := s.lockTable()
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		wantNotDone(t, s.do(method, "/api/customers/x", alice))
	}
	unlock()
	s.do("GET", "/api/customers/x", "").want(t, 200, "", "")
}

func TestDatabaseOutOfReachIsNotDone(t *testing.T) {
	s := start(t, func(c *Config) { c.RetryAfter = 1500 * time.Millisecond })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	pool := open(t, "postgres://nobody@"+gone.Addr().String()+"/none?sslmode=disable&connect_timeout=2")
	base := s.serve(pool)
	for _, method := range []string{"POST", "GET", "PUT", "DELETE"} {
		wantNotDone(t, s.send(base, method, "/api/customers/x", alice, nil))
	}
	busy := open(t, s.db+poolSize(s.db))
	conn, err := busy.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	base = s.serve(busy, func(c *Config) { c.Timeout, c.RetryAfter = 50*time.Millisecond, 1500*time.Millisecond })
	r := s.send(base, "POST", "/api/customers/x", alice, nil)
	wantNotDone(t, r)
	if r.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After %q, want 1.5 s rounded up", r.header.Get("Retry-After"))
	}
}

func poolSize(dbURL string) string {
	for _, r := range dbURL {
		if r == '?' {
			return "&pool_max_conns=1"
		}
	}
	return "?pool_max_conns=1"
}

// The platform below an application refuses writes by SQLSTATEs of its own, and a database has bad moments: the
// client hears that nothing was done, whatever the state is called.
func TestRefusalsOfTheDatabase(t *testing.T) {
	s := start(t)
	s.do("POST", "/api/customers/x", alice).want(t, 201, "", "")
	s.exec(`CREATE TABLE refusal(state text)`)
	s.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE s text;
		BEGIN
			SELECT state INTO s FROM refusal;
			IF s IS NOT NULL THEN RAISE EXCEPTION 'a secret' USING ERRCODE = s; END IF;
			RETURN NULL;
		END $$`)
	for when, timing := range map[string]string{
		"at the statement": "NOT DEFERRABLE", "at the commit": "DEFERRABLE INITIALLY DEFERRED",
	} {
		s.exec(`DROP TRIGGER IF EXISTS refuse ON customers`)
		s.exec(`CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON customers ` + timing +
			` FOR EACH ROW EXECUTE FUNCTION refuse()`)
		for state, status := range map[string]int{
			"CW421": 503, "CW503": 503, "40001": 503, "40P01": 503, "53100": 503, "53300": 503, "57014": 503,
			"57P01": 503, "25006": 503, "55P03": 503, "22P05": 400, "54000": 400, "P0001": 500, "42501": 500,
		} {
			t.Run(when+"/"+state, func(t *testing.T) {
				s.exec("TRUNCATE refusal")
				s.exec("INSERT INTO refusal VALUES ($1)", state)
				for _, method := range []string{"POST", "PUT", "DELETE"} {
					path := "/api/customers/x"
					if method == "POST" {
						path = "/api/customers/y"
					}
					s.checkRefusal(s.do(method, path, alice), status)
				}
			})
		}
	}
}

func (s *system) checkRefusal(r reply, status int) {
	s.t.Helper()
	switch status {
	case 503:
		wantNotDone(s.t, r)
	case 400:
		r.want(s.t, 400, "the database cannot store these values", "invalid_request")
	default:
		r.want(s.t, status, "Internal error", "internal")
		if len(r.body) != 2 {
			s.t.Errorf("an answer says too much: %s", r.raw)
		}
	}
	if n := s.count("SELECT count(*) FROM customers WHERE customer_id = 'x'"); n != 1 {
		s.t.Error("a refused write was done")
	}
	if n := s.count("SELECT count(*) FROM customers"); n != 1 {
		s.t.Error("a refused insert was done")
	}
}

func TestOnlyAnErrorFromTheServerRefusesACommit(t *testing.T) {
	for severity, want := range map[string]bool{"ERROR": true, "FATAL": false, "PANIC": false, "": false} {
		if got := refusedCommit(&pgconn.PgError{SeverityUnlocalized: severity, Code: "57P01"}); got != want {
			t.Errorf("%s: %v", severity, got)
		}
	}
	if refusedCommit(errors.New("connection reset")) {
		t.Error("a lost connection is no answer")
	}
}

func wantNotDone(t *testing.T, r reply) {
	t.Helper()
	r.want(t, http.StatusServiceUnavailable, "Service unavailable", "not_done")
	if r.header.Get("Retry-After") == "" || r.body["details"] == "" {
		t.Errorf("without Retry-After or details: %s", r.raw)
	}
}
