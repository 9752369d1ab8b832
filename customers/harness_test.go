package customers

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/cellway/cellway/internal/testenv"
)

// system is the application on a real server and a real database of its own.
type system struct {
	t    *testing.T
	url  string        // of the application
	db   string        // of the database
	pool *pgxpool.Pool // straight to the database
	http *http.Client
}

// start runs the application; each edit may change its configuration.
func start(t *testing.T, edits ...func(*Config)) *system {
	t.Helper()
	s := &system{t: t, db: testenv.Postgres(t), http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(s.http.CloseIdleConnections)
	s.pool = open(t, s.db)
	// The platform's function, which is not there: this package is tested by itself.
	s.exec(`CREATE FUNCTION cellway_track(text, text) RETURNS void LANGUAGE sql AS ''`)
	migrate(t, s.db)
	s.url = s.serve(s.pool, edits...)
	return s
}

func (s *system) serve(pool *pgxpool.Pool, edits ...func(*Config)) string {
	s.t.Helper()
	cfg := Config{Pool: pool, CellID: "here", Logger: slog.New(slog.NewTextHandler(s.t.Output(), nil))}
	for _, edit := range edits {
		edit(&cfg)
	}
	app, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewServer(app)
	s.t.Cleanup(server.Close)
	return server.URL
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func migrate(t *testing.T, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("../migrations/customers"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *system) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.pool.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

// count returns the number of rows that the query counts.
func (s *system) count(sql string, args ...any) int {
	s.t.Helper()
	var n int
	if err := s.pool.QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (s *system) do(method, path, body string) reply {
	s.t.Helper()
	return s.send(s.url, method, path, body, nil)
}

func (s *system) send(base, method, path, body string, header http.Header) reply {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if len(raw) > 0 {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&r.body); err != nil {
			s.t.Fatalf("%s %s: answer is not JSON: %q", method, path, raw)
		}
	}
	return r
}

// want fails unless the answer has this status and, where given, this error and code.
func (r reply) want(t *testing.T, status int, message, code string) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.raw)
	}
	if message != "" && r.body["error"] != message {
		t.Errorf("error %q, want %q", r.body["error"], message)
	}
	if code != "" && r.body["code"] != code {
		t.Errorf("code %q, want %q", r.body["code"], code)
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not so after 20 s: %s", what)
		}
	}
}
