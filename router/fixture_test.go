package router

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clusterID  = "3f1c2f0e-0000-4000-8000-000000000001"
	partitions = 16
	key        = "alice"
)

// scene is a registry, cells made of test servers, and a router in front of them.
type scene struct {
	t      testing.TB
	store  *memory.Store
	reg    *memory.Client
	term   registry.Term
	router *Router
	client *http.Client
	url    string
	admin  string
	stop   func() error
}

// newScene has a cluster and a leader's term, and no map and no router yet.
func newScene(t testing.TB) *scene {
	t.Helper()
	store := memory.NewStore()
	s := &scene{t: t, store: store, reg: store.Client()}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	s.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(transport.CloseIdleConnections)
	c := registry.Cluster{ID: clusterID, Partitions: partitions, Hash: placement.HashName, Ring: placement.RingName}
	if _, err := s.reg.CreateCluster(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s.lead()
	return s
}

// lead makes the test the leader until it ends.
func (s *scene) lead() {
	ctx, cancel := context.WithCancel(context.Background())
	terms, done := make(chan registry.Term), make(chan struct{})
	go func() {
		defer close(done)
		_ = s.reg.Lead(ctx, "test", func(ctx context.Context, term registry.Term) {
			select {
			case terms <- term:
				<-ctx.Done()
			case <-ctx.Done():
			}
		}, nil)
	}()
	s.term = <-terms
	s.t.Cleanup(func() { cancel(); <-done })
}

// own makes or corrects the map: every partition belongs to the cell.
func (s *scene) own(cell string) {
	s.t.Helper()
	m, err := s.reg.Map(s.t.Context())
	if err != nil {
		if m, err = placement.NewMap(partitions); err != nil {
			s.t.Fatal(err)
		}
	}
	from := m.Epoch()
	for p := range placement.Partition(partitions) {
		if m, err = m.WithOwner(p, cell, max(from, m.HighestEpoch())+1); err != nil {
			s.t.Fatal(err)
		}
	}
	if from == 0 {
		err = s.reg.CreateMap(s.t.Context(), s.term, m)
	} else {
		err = s.reg.CorrectMap(s.t.Context(), s.term, from, m)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// epochOf is the epoch of key's partition in the map.
func (s *scene) epochOf() placement.Epoch {
	s.t.Helper()
	m, err := s.reg.Map(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	_, epoch := m.Owner(placement.PartitionOf(key, partitions))
	return epoch
}

// instance registers an instance of a cell at an address.
func (s *scene) instance(cell, address string) (withdraw func()) {
	s.t.Helper()
	in := registry.Instance{
		ID: cell + "-" + address, Cell: cell, Address: address, Internal: "127.0.0.1:1", Schema: placement.SchemaName(cell), Version: "test",
		Weight: 1, Partitions: partitions, ClusterID: clusterID, DatabaseID: "db-" + cell,
	}
	if _, err := s.reg.AnnounceCell(s.t.Context(), cell, in.DatabaseID, 1); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.reg.Register(ctx, in, func() registry.Health { return registry.Health{OK: true} }) }()
	ended := false
	withdraw = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("register %s: %v", in.ID, err)
		}
	}
	s.t.Cleanup(withdraw)
	return withdraw
}

// cell starts and registers an instance that answers with handler.
func (s *scene) cell(name string, handler http.HandlerFunc) *httptest.Server {
	s.t.Helper()
	server := httptest.NewServer(handler)
	s.t.Cleanup(server.Close)
	s.instance(name, server.Listener.Addr().String())
	return server
}

// start runs a router and waits until its listeners are open.
func (s *scene) start(cfg Config) {
	s.t.Helper()
	cfg.Registry, cfg.PublicAddr = s.reg, "127.0.0.1:0"
	if cfg.AdminAddr == "" {
		cfg.AdminAddr = "127.0.0.1:0"
	}
	if cfg.Grace == 0 {
		cfg.Grace = time.Millisecond
	}
	r, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	s.t.Cleanup(func() {
		s.client.CloseIdleConnections()
		if err := s.stop(); err != nil {
			s.t.Errorf("the router ended with %v", err)
		}
	})
	select {
	case <-r.Listening():
	case err := <-done:
		stopped = true
		s.t.Fatalf("the router does not start: %v", err)
	}
	s.router, s.url, s.admin = r, "http://"+r.PublicAddr(), "http://"+r.AdminAddr()
}

// serve is start, with a map and until the router knows map and instances of the owner.
func (s *scene) serve(owner string, cfg Config) {
	s.t.Helper()
	s.own(owner)
	s.start(cfg)
	s.until("the router knows "+owner, func() bool {
		t := s.router.view.Table()
		return t.Map() != nil && len(t.Instances(owner)) > 0
	})
}

// until polls.
func (s *scene) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			s.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (s *scene) do(method, url, body string, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Errorf("%s %s: %v", method, url, err)
		return reply{}
	}
	return s.readReply(resp)
}

func (s *scene) readReply(resp *http.Response) reply {
	s.t.Helper()
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Errorf("read an answer: %v", err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &r.body) // not everything is JSON
	return r
}

// customer asks for the test's customer.
func (s *scene) customer(method, body string, headers ...string) reply {
	s.t.Helper()
	return s.do(method, s.url+customersPath+key, body, headers...)
}

// want checks status and code.
func (r reply) want(t *testing.T, status int, code string) reply {
	t.Helper()
	got, _ := r.body["code"].(string)
	if r.status != status || got != code {
		t.Errorf("status %d, code %q, want %d %q: %s", r.status, got, status, code, r.raw)
	}
	if status == http.StatusServiceUnavailable && r.header.Get("Retry-After") == "" {
		t.Errorf("503 without Retry-After: %v", r.header)
	}
	return r
}

func echo(cell string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Cellway-Cell", cell)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"cell_id": cell, "method": r.Method, "uri": r.RequestURI, "body": string(body), "headers": r.Header})
	}
}
