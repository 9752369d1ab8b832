package cell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry/memory"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.CheckLeaks()) }

const (
	testPartitions = 16
	testToken      = "the internal listeners' credential"
	patience       = 20 * time.Second // for what must happen; nothing is asserted on how soon
)

// testApp is the smallest application: names by key.
var testApp = fstest.MapFS{"00001_customers.sql": {Data: []byte(`
-- +goose Up
CREATE TABLE customers (id text PRIMARY KEY, name text NOT NULL);
SELECT cellway_track('customers', 'id');
`)}}

// system is a database and a registry with cells.
type system struct {
	t      *testing.T
	url    string // the superuser's
	store  *memory.Store
	suffix string
	roles  map[string][2]string // by cell: the platform's and the application's URL
	holds  chan held            // requests that the application was asked to hold
	client *http.Client
}

// held is a request that waits inside the application.
type held struct{ goOn chan struct{} }

func newSystem(t *testing.T) *system { return newSystemAt(t, testenv.Postgres(t)) }

func newSystemAt(t *testing.T, superuser string) *system {
	t.Helper()
	s := &system{
		t: t, url: superuser, store: memory.NewStore(), suffix: uuid.NewString()[:8],
		roles: map[string][2]string{}, holds: make(chan held),
		client: &http.Client{Transport: &http.Transport{}, Timeout: patience},
	}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// databaseOf provisions the cell's schema and roles, once.
func (s *system) databaseOf(cell string) [2]string {
	s.t.Helper()
	if urls, ok := s.roles[cell]; ok {
		return urls
	}
	schema := placement.SchemaName(cell)
	p := ledger.Provisioning{
		Schema: schema, PlatformRole: "platform_" + schema + s.suffix, PlatformPassword: "secret",
		AppRole: "app_" + schema + s.suffix, AppPassword: "secret",
	}
	if err := ledger.Provision(s.t.Context(), s.url, p); err != nil {
		s.t.Fatal(err)
	}
	s.roles[cell] = [2]string{s.as(p.PlatformRole), s.as(p.AppRole)}
	return s.roles[cell]
}

func (s *system) as(role string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

func (s *system) config(cell string) Config {
	urls := s.databaseOf(cell)
	return Config{
		Cell: cell, Listen: "127.0.0.1:0", InternalListen: "127.0.0.1:0", InternalToken: testToken,
		PlatformURL: urls[0], AppURL: urls[1], Partitions: testPartitions, Registry: s.store.Client(),
		Migrations: testApp, Grace: time.Millisecond, ReadsTimeout: 200 * time.Millisecond, App: s.application,
		Key: func(r *http.Request) (string, bool, error) {
			key, ok := strings.CutPrefix(r.URL.Path, "/k/")
			return key, ok, nil
		},
		Logger: slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// application: PUT and GET of /k/<key>. A request with the header X-Hold waits inside until the test lets it go on.
func (s *system) application(d AppDeps) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Hold") != "" {
			h := held{make(chan struct{})}
			s.holds <- h
			<-h.goOn
		}
		key := strings.TrimPrefix(r.URL.Path, "/k/")
		name, err := work(r.Context(), d.Pool, r, key)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			w.WriteHeader(http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			_, _ = io.WriteString(w, name)
		}
	}), nil
}

func work(ctx context.Context, pool *pgxpool.Pool, r *http.Request, key string) (name string, err error) {
	if r.Method == http.MethodGet {
		err = pool.QueryRow(ctx, `SELECT name FROM customers WHERE id = $1`, key).Scan(&name)
		return name, err
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	_, err = pool.Exec(ctx, `INSERT INTO customers VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name`, key, string(raw))
	return string(raw), err
}

// running is an instance that serves.
type running struct {
	*Cell
	s    *system
	stop func() error
}

// start runs an instance of the cell until the test ends, and waits until it serves.
func (s *system) start(cell string, change ...func(*Config)) *running {
	s.t.Helper()
	r, ended := s.launch(cell, change...)
	select {
	case <-r.Ready():
	case err := <-ended:
		s.t.Fatalf("%s did not start: %v", cell, err)
	case <-time.After(patience):
		s.t.Fatalf("%s does not get ready", cell)
	}
	return r
}

// launch runs an instance without waiting for it.
func (s *system) launch(cell string, change ...func(*Config)) (*running, <-chan error) {
	s.t.Helper()
	cfg := s.config(cell)
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var result error
	done := make(chan struct{})
	go func() {
		result = c.Run(ctx)
		ended <- result
		close(done)
	}()
	stop := func() error { cancel(); <-done; return result }
	s.t.Cleanup(func() { _ = stop() })
	return &running{c, s, stop}, ended
}

// refuses runs an instance that must end by itself, and returns why.
func (s *system) refuses(cell string, change ...func(*Config)) error {
	s.t.Helper()
	_, ended := s.launch(cell, change...)
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		s.t.Fatalf("%s was not refused", cell)
		return nil
	}
}

// assign gives the cell the partitions, at epoch 1.
func (r *running) assign(partitions ...placement.Partition) {
	r.s.t.Helper()
	a := protocol.Assignment{Cell: r.cfg.Cell, Cluster: r.cluster(), Partitions: partitions, Epoch: 1, Token: 1}
	if err := r.s.peers().Assign(r.s.t.Context(), r.InternalAddr(), a); err != nil {
		r.s.t.Fatal(err)
	}
}

func (r *running) cluster() string {
	r.s.t.Helper()
	cluster, err := r.s.store.Client().Cluster(r.s.t.Context())
	if err != nil {
		r.s.t.Fatal(err)
	}
	return cluster.ID
}

func (s *system) peers() *protocol.Client { return &protocol.Client{HTTP: s.client, Token: testToken} }

func (r *running) row(p placement.Partition) protocol.Row {
	r.s.t.Helper()
	row, err := r.s.peers().Row(r.s.t.Context(), r.InternalAddr(), p)
	if err != nil {
		r.s.t.Fatal(err)
	}
	return row
}

// answer is what a client sees.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %v %s", a.status, a.header, a.body) }

// send asks the instance's public listener.
func (r *running) send(method, path, body string, header ...string) answer {
	req, err := http.NewRequest(method, "http://"+r.Addr()+path, strings.NewReader(body))
	if err != nil {
		return answer{body: err.Error()}
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.s.client.Do(req)
	if err != nil {
		return answer{body: err.Error()}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{body: err.Error()}
	}
	return answer{resp.StatusCode, resp.Header, string(raw)}
}

func (r *running) get(p placement.Partition) answer { return r.send("GET", "/k/"+keyOf(p), "") }

func (r *running) put(p placement.Partition, name string) answer {
	return r.send("PUT", "/k/"+keyOf(p), name)
}

// hold sends a request that stays inside the application; what it is answered comes when it is let go.
func (r *running) hold(method string, p placement.Partition) (goOn func() answer) {
	r.s.t.Helper()
	result := make(chan answer, 1)
	go func() { result <- r.send(method, "/k/"+keyOf(p), "late", "X-Hold", "1") }()
	select {
	case h := <-r.s.holds:
		return func() answer { close(h.goOn); return <-result }
	case a := <-result:
		r.s.t.Fatalf("not admitted: %v", a)
	case <-time.After(patience):
		r.s.t.Fatal("the request did not reach the application")
	}
	return nil
}

// keyOf finds a key of the partition.
func keyOf(p placement.Partition) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("c%d", i); placement.PartitionOf(key, testPartitions) == p {
			return key
		}
	}
}

func wantStatus(t *testing.T, what string, got answer, status int) {
	t.Helper()
	if got.status != status {
		t.Errorf("%s: want status %d, got %v", what, status, got)
	}
}

func wantFenced(t *testing.T, what string, got answer) {
	t.Helper()
	if got.status != http.StatusServiceUnavailable || got.header.Get(protocol.HeaderFenced) != "1" {
		t.Errorf("%s: want 503 fenced, got %v", what, got)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// sql runs a statement as the superuser.
func (s *system) sql(statement string, args ...any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		s.t.Fatal(err)
	}
}
