package nettest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"

	"github.com/cellway/cellway/cell"
	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/customers"
	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/routekey"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/migrations"
	"github.com/cellway/cellway/mover"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/consul"
	"github.com/cellway/cellway/router"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	partitions = 16
	guest      = "cell-d" // joins and is drained; the others are there from the beginning
	token      = "the internal listeners' credential"
	patience   = 2 * time.Minute // for what must happen; nothing is asserted on how soon
)

// system is a whole system whose links go through proxies.
type system struct {
	t        *testing.T
	log      *slog.Logger
	proxies  *proxies
	postgres string // the superuser's URL
	consul   string // host:port, without a proxy
	suffix   string
	store    *consul.Registry // without a proxy
	router   *router.Router
	links    map[string]*link
	shortcut map[string]string // for the mover: from where a cell is announced to the mover's own way there

	mu     sync.Mutex // guards what follows
	at     mover.Point
	strike func() // called once, when a move comes to that point
}

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{
		t: t, proxies: newProxies(t), postgres: testenv.Postgres(t), consul: testenv.Consul(t), suffix: uuid.NewString()[:8],
		log:   slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		links: map[string]*link{}, shortcut: map[string]string{},
	}
	s.store = s.registry(s.consul)
	toConsul := s.proxies.to("router-Consul", s.consul)
	s.links["router-Consul"] = &link{proxies: []*toxiproxy.Proxy{toConsul}}
	s.links["cell-cell"] = &link{}
	configs := map[string]cell.Config{}
	for _, name := range []string{"cell-a", "cell-b", "cell-c", guest} {
		configs[name] = s.cell(name)
	}
	for _, name := range []string{"cell-a", "cell-b", "cell-c"} {
		s.start(configs[name])
	}
	s.startMover()
	s.startRouter(toConsul.Listen)
	s.await("first map", func(ctx context.Context) error {
		_, err := s.store.Map(ctx)
		return err
	})
	s.start(configs[guest])
	s.awaitShare(4)
	return s
}

func (s *system) registry(address string) *consul.Registry {
	s.t.Helper()
	r, err := consul.New(consul.Config{Address: address, SessionTTL: 10 * time.Second, HTTPInterval: time.Second, Logger: s.log})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// cell prepares a cell and the proxies around it.
func (s *system) cell(name string) cell.Config {
	s.t.Helper()
	ports, err := localserver.FreePorts(2)
	if err != nil {
		s.t.Fatal(err)
	}
	app, internal := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	fromRouter, fromCells, fromMover := s.proxies.to("router-"+name, app), s.proxies.to("cells-"+name, internal), s.proxies.to("mover-"+name, internal)
	platform, application, toDatabase := s.database(name)
	s.shortcut[fromCells.Listen] = fromMover.Listen
	s.links["cell-cell"].proxies = append(s.links["cell-cell"].proxies, fromCells)
	if name == guest {
		s.links["router-cell"] = &link{proxies: []*toxiproxy.Proxy{fromRouter}}
		s.links["mover-cell"] = &link{proxies: []*toxiproxy.Proxy{fromMover}}
		s.links["cell-Postgres"] = &link{proxies: []*toxiproxy.Proxy{toDatabase}}
	}
	return cell.Config{
		Cell: name, Listen: app, InternalListen: internal, Advertise: fromRouter.Listen, InternalAdvertise: fromCells.Listen,
		InternalToken: token, PlatformURL: platform, AppURL: application, Partitions: partitions,
		Registry: s.registry(s.consul), Migrations: migrations.Customers, Grace: time.Millisecond, Logger: s.log.With("cell", name),
		Key: func(r *http.Request) (string, bool, error) {
			key, _, err := routekey.Split(r.URL.EscapedPath(), "/api/customers/")
			return key, err == nil, nil
		},
		App: func(d cell.AppDeps) (http.Handler, error) {
			return customers.New(customers.Config{Pool: d.Pool, CellID: d.CellID, Logger: d.Logger})
		},
	}
}

// database makes a cell's schema and roles; the URLs go through a proxy.
func (s *system) database(name string) (platform, application string, proxy *toxiproxy.Proxy) {
	s.t.Helper()
	schema := placement.SchemaName(name)
	p := ledger.Provisioning{
		Schema: schema, PlatformRole: "platform_" + schema + s.suffix, PlatformPassword: "secret",
		AppRole: "app_" + schema + s.suffix, AppPassword: "secret",
	}
	if err := ledger.Provision(s.t.Context(), s.postgres, p); err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(s.postgres)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy = s.proxies.to("postgres-"+name, u.Host)
	u.Host = proxy.Listen
	u.User = url.UserPassword(p.PlatformRole, "secret")
	platform = u.String()
	u.User = url.UserPassword(p.AppRole, "secret")
	return platform, u.String(), proxy
}

// run runs a part of the system until the test ends.
func (s *system) run(what string, part func(context.Context) error, ready <-chan struct{}) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			s.t.Errorf("%s ended: %v", what, err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		s.t.Fatalf("%s did not start: %v", what, err)
	case <-time.After(patience):
		s.t.Fatalf("%s does not get ready", what)
	}
}

func (s *system) start(cfg cell.Config) {
	s.t.Helper()
	c, err := cell.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run(cfg.Cell, c.Run, c.Ready())
}

func (s *system) startMover() {
	s.t.Helper()
	dialer := &net.Dialer{}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 32, DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, s.shortcut[address])
		},
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	m, err := mover.New(mover.Config{
		Registry: s.registry(s.consul), Cells: &protocol.Client{HTTP: &http.Client{Transport: transport}, Token: token},
		Name: "mover-1", Settle: time.Second, Hook: s.hook, Logger: s.log.With("role", "mover"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	started := make(chan struct{})
	close(started)
	s.run("mover", m.Run, started)
}

func (s *system) startRouter(consulAddress string) {
	s.t.Helper()
	r, err := router.New(router.Config{
		Registry: s.registry(consulAddress), PublicAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Grace: time.Millisecond,
		Logger: s.log.With("role", "router"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.router = r
	s.run("router", r.Run, r.Listening())
}

// arm lets strike happen once, when a move comes to the point; the mover waits for it there.
func (s *system) arm(at mover.Point, strike func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.strike = at, strike
}

func (s *system) hook(_ context.Context, at mover.Point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.strike != nil && at == s.at {
		s.strike()
		s.strike = nil
	}
	return nil
}

// await waits until the condition holds.
func (s *system) await(what string, condition func(context.Context) error) {
	s.t.Helper()
	if err := until(s.t.Context(), condition); err != nil {
		s.t.Fatalf("waited in vain for %s: %v", what, err)
	}
}

func until(ctx context.Context, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// atRest says why nothing is at rest with so many of the guest's partitions; nil if it is.
func (s *system) atRest(ctx context.Context, guests int) error {
	m, err := s.store.Map(ctx)
	if err != nil {
		return err
	}
	open, err := s.store.OpenMoves(ctx)
	if err != nil {
		return err
	}
	r, err := s.store.Rebalance(ctx)
	if err != nil {
		return err
	}
	if got := m.Counts()[guest]; got != guests || len(open) > 0 || r.Running {
		return fmt.Errorf("%s owns %d, want %d; running %v, open moves: %s", guest, got, guests, r.Running, describe(open))
	}
	return nil
}

func (s *system) awaitShare(guests int) {
	s.t.Helper()
	s.await("the guest's share", func(ctx context.Context) error { return s.atRest(ctx, guests) })
}

func describe(moves []registry.Move) string {
	var out []string
	for _, mv := range moves {
		out = append(out, fmt.Sprintf("partition %d from %s to %s %s: %s", mv.Partition, mv.From, mv.To, mv.State, mv.Error))
	}
	return strings.Join(out, "; ")
}
