package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
	"github.com/cellway/cellway/router/route"
)

// view is a fixed one.
type view struct {
	offered *placement.Map // the last
	table   *route.Table
	age     time.Duration
	err     error
}

func (v *view) Table() *route.Table        { return v.table }
func (v *view) Age() (time.Duration, bool) { return v.age, v.table.Map() != nil }
func (v *view) Problem() error             { return v.err }
func (v *view) Offer(_ context.Context, m *placement.Map) {
	v.offered = m
}

// stage is an admin API over a registry in memory with two cells, each with half of 16 partitions.
type stage struct {
	t     *testing.T
	store *memory.Store
	reg   *memory.Client
	view  *view
	api   http.Handler
	term  registry.Term
}

func newStage(t *testing.T, change func(*Config)) *stage {
	t.Helper()
	store := memory.NewStore()
	s := &stage{t: t, store: store, reg: store.Client()}
	ctx, cancel := context.WithCancel(context.Background())
	terms, done := make(chan registry.Term), make(chan struct{})
	go func() {
		defer close(done)
		_ = s.reg.Lead(ctx, "mover-1", func(ctx context.Context, term registry.Term) { terms <- term; <-ctx.Done() }, nil)
	}()
	s.term = <-terms
	t.Cleanup(func() { cancel(); <-done })
	s.must(s.reg.CreateCluster(t.Context(), registry.Cluster{ID: cluster, Partitions: 16, Hash: placement.HashName}))
	w := worldOf(t, "cell-a", "cell-b")
	for _, in := range w.instances {
		s.must(s.reg.AnnounceCell(t.Context(), in.Cell, in.DatabaseID, 1))
		in.Internal, in.Schema = "x:2", "s"
		s.register(in)
	}
	s.must(nil, s.reg.CreateMap(t.Context(), s.term, w.m))
	s.view = &view{table: new(route.Table).WithMap(w.m, cluster, route.SourceLive), age: 1500 * time.Millisecond}
	cfg := Config{
		Registry: s.reg, View: s.view, Loopback: true, Patience: time.Second, CustomersPatience: time.Second,
		Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Stopping: func() bool { return false },
		Fetch: func(_ context.Context, address, path string, _ int64) ([]byte, error) {
			if address == "cell-b:1" || path != "/metrics" {
				return nil, errors.New("does not say")
			}
			return []byte(`{"cell_id":"cell-a","customer_count":7,"timestamp":"x"}`), nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	s.api = New(cfg)
	return s
}

func (s *stage) must(_ any, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) register(in registry.Instance) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.reg.Register(ctx, in, func() registry.Health { return registry.Health{OK: true} }) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("register %s: %v", in.ID, err)
		}
	})
	deadline := time.After(10 * time.Second)
	for {
		list, err := s.reg.Instances(s.t.Context())
		if err == nil && strings.Contains(instanceIDs(list), in.ID) {
			return
		}
		select {
		case <-deadline:
			s.t.Fatalf("%s is not registered", in.ID)
		case <-time.After(time.Millisecond):
		}
	}
}

func instanceIDs(list []registry.Instance) string {
	var b strings.Builder
	for _, in := range list {
		b.WriteString(in.ID + " ")
	}
	return b.String()
}

func (s *stage) do(method, path string, headers ...string) (int, map[string]any, *httptest.ResponseRecorder) {
	s.t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8001"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	var body map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &body) // not everything is JSON
	return w.Code, body, w
}

func (s *stage) order(method, path string) (int, map[string]any) {
	s.t.Helper()
	code, body, _ := s.do(method, path, "Cellway-Admin", "1")
	return code, body
}

func TestAPI_cells(t *testing.T) {
	s := newStage(t, nil)
	code, _, w := s.do(http.MethodGet, "/admin/cells")
	var got struct {
		Epoch uint64
		Cells []cellInfo
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || code != 200 || len(got.Cells) != 2 || got.Epoch != 1 {
		t.Fatalf("%d %v %s", code, err, w.Body)
	}
	a, b := got.Cells[0], got.Cells[1]
	if a.CellID != "cell-a" || a.Status != StatusActive || a.Partitions != 8 || a.Weight != 1 || a.Customers == nil || *a.Customers != 7 {
		t.Errorf("cell-a is %+v", a)
	}
	if len(a.Instances) != 1 || a.Instances[0] != (instanceInfo{"cell-a:1", true, "v"}) {
		t.Errorf("its instances are %+v", a.Instances)
	}
	if b.Customers != nil || !strings.Contains(w.Body.String(), `"customers":null`) {
		t.Errorf("cell-b does not say, and has %+v", b)
	}
}

func TestAPI_whoever_hears_of_a_rebalance_finds_the_map_as_new(t *testing.T) {
	s := newStage(t, nil)
	if status, body, _ := s.do(http.MethodGet, "/admin/rebalance"); status != http.StatusOK {
		t.Fatalf("%d %v", status, body)
	}
	stored, err := s.reg.Map(t.Context())
	s.must(nil, err)
	if s.view.offered == nil || s.view.offered.Epoch() != stored.Epoch() {
		t.Errorf("the view was offered %v, the registry holds epoch %d", s.view.offered, stored.Epoch())
	}
}

func TestAPI_map_and_locate_work_without_the_registry(t *testing.T) {
	s := newStage(t, nil)
	for _, down := range []bool{false, true} {
		s.store.SetDown(down)
		code, m, w := s.do(http.MethodGet, "/admin/map")
		if code != 200 || m["epoch"] != 1.0 || m["partitions"] != 16.0 || m["source"] != "live" || m["age_seconds"] != 1.5 || m["pins"] != 0.0 ||
			!strings.Contains(w.Body.String(), `"owners":{"cell-a":8,"cell-b":8}`) {
			t.Errorf("map: %d %s", code, w.Body)
		}
		code, l, w := s.do(http.MethodGet, "/admin/locate/%61lice")
		p := placement.PartitionOf("alice", 16)
		owner, _ := s.view.table.Map().Owner(p)
		if code != 200 || l["customer_id"] != "alice" || l["partition"] != float64(p) || l["cell_id"] != owner || l["epoch"] != 1.0 || l["pinned"] != false || l["ring_cell_id"] == "" || l["moving_to"] != nil {
			t.Errorf("locate: %d %s", code, w.Body)
		}
	}
	if code, body, _ := s.do(http.MethodGet, "/admin/locate/a%2Fb"); code != 400 || body["code"] != "invalid_id" {
		t.Errorf("a malformed ID: %d %v", code, body)
	}
	s.view.table = new(route.Table)
	for _, path := range []string{"/admin/map", "/admin/locate/alice"} {
		if code, body, w := s.do(http.MethodGet, path); code != 503 || body["code"] != "no_map" || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s without a map: %d %v", path, code, body)
		}
	}
}

func TestAPI_everything_else_is_503_without_the_registry(t *testing.T) {
	s := newStage(t, nil)
	s.store.SetDown(true)
	for _, c := range [][2]string{
		{"GET", "/admin/cells"},
		{"GET", "/admin/plan"},
		{"GET", "/admin/pace"},
		{"GET", "/admin/moves"},
		{"GET", "/admin/rebalance"},
		{"POST", "/admin/cells/cell-a/drain"},
		{"POST", "/admin/cells/cell-a/undrain"},
		{"DELETE", "/admin/cells/cell-a"},
		{"POST", "/admin/rebalance"},
		{"GET", "/admin/moves/one"},
		{"POST", "/admin/moves/one/cancel"},
		{"POST", "/admin/pause"},
		{"POST", "/admin/resume"},
		{"POST", "/admin/rebalance/cancel"},
		{"POST", "/admin/rebalance/reverse"},
	} {
		code, body, w := s.do(c[0], c[1], "Cellway-Admin", "1")
		if code != 503 || body["code"] != "registry_unavailable" || body["details"] == "" || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %v", c[0], c[1], code, body)
		}
	}
	if code, _, w := s.do(http.MethodGet, "/"); code != 200 || !strings.Contains(w.Body.String(), "does not answer") {
		t.Errorf("the page: %d %s", code, w.Body)
	}
}

func TestAPI_orders(t *testing.T) {
	s := newStage(t, nil)
	if code, body := s.order("POST", "/admin/cells/cell-b/drain"); code != 202 || body["epoch"] != 1.0 {
		t.Fatalf("drain: %d %v", code, body)
	}
	if _, body, _ := s.do("GET", "/admin/rebalance"); body["running"] != true || body["total"] != 8.0 || body["eta_seconds"] != nil {
		t.Errorf("the drain does not run: %v", body)
	}
	if _, body, w := s.do("GET", "/admin/plan"); body["moves"] != 8.0 || body["ideal"] != 8.0 || !strings.Contains(w.Body.String(), `"by_pair":[{"from":"cell-b","to":"cell-a","partitions":8,"rows":null,"bytes":null}]`) {
		t.Errorf("the plan: %s", w.Body)
	}
	if code, body := s.order("POST", "/admin/cells/cell-a/drain"); code != 409 || body["code"] != "last_cell" || body["details"] == "" {
		t.Errorf("drain of the last: %d %v", code, body)
	}
	if code, body := s.order("DELETE", "/admin/cells/cell-b"); code != 409 || body["code"] != "conflict" {
		t.Errorf("removal of an owner: %d %v", code, body)
	}
	if code, _ := s.order("POST", "/admin/cells/cell-b/undrain"); code != 202 {
		t.Errorf("undrain: %d", code)
	}
	if _, body, _ := s.do("GET", "/admin/rebalance"); body["running"] != false {
		t.Errorf("after the undrain something runs: %v", body)
	}
	for _, c := range [][2]string{{"POST", "/admin/cells/cell-x/drain"}, {"POST", "/admin/cells/cell-x/undrain"}, {"DELETE", "/admin/cells/cell-x"}, {"DELETE", "/admin/cells/..%2F"}} {
		if code, body := s.order(c[0], c[1]); code != 404 || body["code"] != "no_such_cell" {
			t.Errorf("%s %s: %d %v", c[0], c[1], code, body)
		}
	}
	if code, _ := s.order("POST", "/admin/rebalance"); code != 202 {
		t.Errorf("rebalance: %d", code)
	}
	if n, err := s.reg.Requests(t.Context()); err != nil || n != 1 {
		t.Errorf("%d requests kept, %v", n, err)
	}
}

func TestAPI_a_drained_cell_can_be_removed_again_and_again(t *testing.T) {
	s := newStage(t, nil)
	w := worldOf(t, "cell-a", "cell-b").change("cell-b", draining).moved(t)
	s.must(nil, s.reg.CorrectMap(t.Context(), s.term, 1, w.m))
	s.must(nil, s.reg.SetDraining(t.Context(), "cell-b", true))
	for range 2 {
		if code, body := s.order("DELETE", "/admin/cells/cell-b"); code != 202 || body["epoch"] != float64(w.m.Epoch()) {
			t.Errorf("got %d %v", code, body)
		}
	}
}

func TestAPI_moves(t *testing.T) {
	s := newStage(t, nil)
	var opened []registry.Move
	for p := range placement.Partition(3) {
		from, _ := s.view.table.Map().Owner(p)
		to := map[string]string{"cell-a": "cell-b", "cell-b": "cell-a"}[from]
		mv, err := s.reg.OpenMove(t.Context(), s.term, registry.Move{ID: "move-" + string('0'+rune(p)), Partition: p, From: from, To: to}, 0)
		s.must(nil, err)
		opened = append(opened, mv)
	}
	opened[2].State = registry.MoveUndone
	s.must(nil, s.reg.EndMove(t.Context(), s.term, opened[2]))
	ids := func(path string) string {
		_, _, w := s.do("GET", path)
		var got struct{ Moves []registry.Move }
		s.must(nil, json.Unmarshal(w.Body.Bytes(), &got))
		var b strings.Builder
		for _, mv := range got.Moves {
			b.WriteString(mv.ID + " ")
		}
		return b.String()
	}
	for path, want := range map[string]string{"/admin/moves": "move-0 move-1 move-2 ", "/admin/moves?limit=1": "move-0 ", "/admin/moves?limit=10000": "move-0 move-1 move-2 "} {
		if got := ids(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, bad := range []string{"0", "-1", "x", "10001"} {
		if code, body, _ := s.do("GET", "/admin/moves?limit="+bad); code != 400 || body["field"] != "limit" {
			t.Errorf("limit %s: %d %v", bad, code, body)
		}
	}
	id := keyOf(t, opened[0].Partition)
	if _, body, w := s.do("GET", "/admin/locate/"+id); body["moving_to"] != opened[0].To {
		t.Errorf("locate does not show the move: %s", w.Body)
	}
}

// keyOf finds a key of the partition.
func keyOf(t *testing.T, p placement.Partition) string {
	t.Helper()
	for i := range 1000 {
		if key := "k" + string(rune('a'+i%26)) + strings.Repeat("x", i/26); placement.PartitionOf(key, 16) == p {
			return key
		}
	}
	t.Fatal("no key")
	return ""
}

func TestAPI_health(t *testing.T) {
	stopping := false
	s := newStage(t, func(c *Config) { c.Stopping = func() bool { return stopping } })
	if code, body, w := s.do("GET", "/admin/health"); code != 200 || body["status"] != "ready" {
		t.Errorf("got %d %s", code, w.Body)
	}
	s.view.err = errors.New("nobody there")
	if code, _, w := s.do("GET", "/admin/health"); code != 200 || !strings.Contains(w.Body.String(), "nobody there") {
		t.Errorf("without the registry: %d %s", code, w.Body)
	}
	stopping = true
	if code, _, w := s.do("GET", "/admin/health"); code != 503 || !strings.Contains(w.Body.String(), "stopping") {
		t.Errorf("stopping: %d %s", code, w.Body)
	}
	stopping, s.view.table = false, new(route.Table)
	if code, body, _ := s.do("GET", "/admin/health"); code != 503 || body["status"] != "not ready" {
		t.Errorf("without a map: %d %v", code, body)
	}
}

func TestAPI_page_shows_the_cells_and_needs_no_script(t *testing.T) {
	s := newStage(t, nil)
	s.must(nil, s.reg.SetDraining(t.Context(), "cell-b", true))
	code, _, w := s.do("GET", "/")
	page := w.Body.String()
	if code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("got %d %v", code, w.Header())
	}
	for _, part := range []string{"cell-a", "cell-b", "draining", `<td class="n">7</td>`, "epoch 1", "0 of 8 partitions"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q:\n%s", part, page)
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("the page has a script")
	}
}
