package customers

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

// The promises of 503 and 502 hold for notes as they do for customers.
func TestNotesWhenTheSessionIsLostAtCommit(t *testing.T) {
	s := startWithAlice(t)
	for name, forward := range map[string]bool{"before the server saw it": false, "before the answer came back": true} {
		t.Run(name, func(t *testing.T) {
			s.exec("DELETE FROM notes")
			note, gone := s.addNote("before"), s.addNote("gone")
			cut, dbURL := newCutter(t, s.db, forward)
			base := s.serve(open(t, dbURL))
			s.send(base, "GET", note, "", nil).want(t, 200, "", "")
			cut.arm(true)
			for _, call := range [][2]string{{"POST", alicesNotes}, {"PUT", note}, {"DELETE", gone}} {
				s.send(base, call[0], call[1], `{"text":"after"}`, nil).want(t, http.StatusBadGateway, "Outcome unknown", "outcome_unknown")
			}
			want := 0
			if forward {
				want = 2
			}
			eventually(t, "the server carried out what it was sent, and only that", func() bool {
				return s.count("SELECT count(*) FROM notes WHERE text = 'after'") == want && s.count("SELECT count(*) FROM notes") == 2
			})
		})
	}
}

func TestRefusalsOfTheDatabaseToNotes(t *testing.T) {
	s := startWithAlice(t)
	note := s.addNote("old")
	s.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'a secret' USING ERRCODE = TG_ARGV[0]; END $$`)
	for state, status := range map[string]int{"CW421": 503, "CW503": 503, "40001": 503, "57P01": 503, "54000": 400, "P0001": 500} {
		s.exec(`CREATE OR REPLACE TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION refuse('` + state + `')`)
		for method, path := range map[string]string{"POST": alicesNotes, "PUT": note, "DELETE": note} {
			r := s.do(method, path, `{"text":"new"}`)
			if r.status != status || strings.Contains(r.raw, "secret") {
				t.Errorf("%s at %s: %d %s", state, method, r.status, r.raw)
			}
		}
		if r := s.do("DELETE", "/api/customers/alice", ""); r.status != status {
			t.Errorf("%s at the cascade: %d %s", state, r.status, r.raw)
		}
	}
	if n := s.count("SELECT count(*) FROM notes n JOIN customers USING (customer_id) WHERE n.text = 'old'"); n != 1 || s.count("SELECT count(*) FROM notes") != 1 {
		t.Error("a refused write was done")
	}
}

func TestNotesWithTheDatabaseOutOfReach(t *testing.T) {
	s := start(t)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	base := s.serve(open(t, "postgres://nobody@"+gone.Addr().String()+"/none?sslmode=disable&connect_timeout=2"))
	for _, call := range [][2]string{{"POST", alicesNotes}, {"GET", alicesNotes}, {"GET", noSuchNote}, {"PUT", noSuchNote}, {"DELETE", noSuchNote}} {
		wantNotDone(t, s.send(base, call[0], call[1], `{"text":"x"}`, nil))
	}
}
