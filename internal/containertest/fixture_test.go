package containertest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"github.com/cellway/cellway/internal/checker"
	"github.com/cellway/cellway/internal/load"
	"github.com/cellway/cellway/internal/systemtest"
	"github.com/cellway/cellway/internal/testenv"
	"github.com/cellway/cellway/internal/testgroup"
)

const (
	group   = "tests of the system in containers"
	workers = 8
	startIn = 4 * time.Minute
	soon    = time.Minute // the longest that a test waits for one condition

	// between two customers of a worker, so that clients leave the machine something to move customers with
	think = 100 * time.Millisecond
)

func TestMain(m *testing.M) { testenv.Main(m) }

// fixture is a running system with a client's model of what it holds.
type fixture struct {
	*Stack
	client     *load.Load
	count      int
	partitions int
}

// engine returns the Docker engine, if it has, or can get, all that the group needs.
func engine(t *testing.T) *testcontainers.DockerClient {
	t.Helper()
	docker := testenv.Docker(t, group,
		cmp.Or(os.Getenv("CELLWAY_POSTGRES_IMAGE"), "postgres:15-bookworm"), cmp.Or(os.Getenv("CELLWAY_CONSUL_IMAGE"), "hashicorp/consul:1.22"),
		cmp.Or(os.Getenv("CELLWAY_GO_IMAGE"), "golang:1.26-bookworm"))
	for _, plugin := range []string{"compose", "buildx"} {
		if out, err := exec.Command("docker", plugin, "version").CombinedOutput(); err != nil {
			testgroup.NotRun(t, group, fmt.Errorf("docker %s: %w: %s", plugin, err, out))
		}
	}
	return docker
}

// start runs the system of docker-compose.yml and these overrides, with two movers, and fills it with customers.
func start(t *testing.T, partitions, customers int, files ...string) *fixture {
	t.Helper()
	docker := engine(t)
	ctx, cancel := context.WithTimeout(t.Context(), buildFor+startIn)
	defer cancel()
	must(t, buildImage(ctx))
	p, err := resolveProject(ctx, []string{
		"CELLWAY_IMAGE=" + imageName, fmt.Sprintf("CELLWAY_PARTITIONS=%d", partitions),
		"CELLWAY_CONSUL_SESSION_TTL_MIN=1s", "CELLWAY_SESSION_TTL=3s",
	}, files...)
	must(t, err)
	for _, name := range []string{"mover", "mover-2"} {
		mover := p.services["mover"]
		mover.Environment = map[string]*string{"CELLWAY_NAME": &name}
		for variable, value := range p.services["mover"].Environment {
			if variable != "CELLWAY_NAME" {
				mover.Environment[variable] = value
			}
		}
		p.services[name] = mover
	}
	f := &fixture{Stack: newStack(docker, p), count: customers, partitions: partitions}
	t.Cleanup(func() {
		if t.Failed() {
			for _, name := range f.names(func(string) bool { return true }) {
				t.Log(f.logs(name, 40))
			}
		}
		must(t, f.close())
	})
	began := time.Now()
	must(t, f.start(ctx))
	t.Logf("the system is ready after %v", time.Since(began).Round(time.Millisecond))
	f.client = load.New("http://"+f.Addr("router", 8000), load.NewModel())
	must(t, f.client.Fill(ctx, "load", customers, workers))
	f.client.Take()
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load starts the client; the function returned stops it and says what it saw.
func (f *fixture) load(t *testing.T) (stop func() load.Stats) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	f.client.Pause = think
	go func() {
		defer close(done)
		f.client.Run(ctx, "load", f.count, workers)
	}()
	stop = func() load.Stats {
		cancel()
		<-done
		return f.client.Take()
	}
	t.Cleanup(func() { stop() })
	return stop
}

// report prints what a fault did to clients.
func report(t *testing.T, what string, s load.Stats) {
	t.Helper()
	t.Logf("%s: %d operations, refused %d, outcome unknown %d, no answer %d, longest %v; failed by cell %v", what, s.Operations,
		s.ByStatus[http.StatusServiceUnavailable], s.ByStatus[http.StatusBadGateway], s.ByStatus[0], s.Longest.Round(time.Millisecond), s.Failed)
}

// mustHurtOnly requires that nobody but the customers of these cells saw a failure; none: nobody at all.
func mustHurtOnly(t *testing.T, what string, s load.Stats, cells ...string) {
	t.Helper()
	report(t, what, s)
	allowed := map[string]bool{}
	for _, cell := range cells {
		allowed[cell] = true
	}
	for cell := range s.Failed {
		if !allowed[cell] {
			t.Errorf("%s: %s saw failures:\n%s", what, cell, strings.Join(s.Wrong, "\n"))
		}
	}
	if s.Operations < 20 { // who waits for an answer that does not come waits for ten seconds
		t.Errorf("%s: only %d operations: the test proves nothing", what, s.Operations)
	}
}

// mustCheck compares all databases with the map and with what the client knows, when no move is under way.
func (f *fixture) mustCheck(t *testing.T) {
	t.Helper()
	f.waitForRest(t)
	var urls []string
	for _, name := range f.names(func(name string) bool { return name == "postgres" || strings.HasSuffix(name, "-postgres") }) {
		password, err := f.Secret(t.Context(), name, "/run/cellway/own/superuser-password")
		must(t, err)
		u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", password), Host: f.Addr(name, 5432), Path: "/cellway", RawQuery: "sslmode=disable"}
		urls = append(urls, u.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	r, err := checker.Check(ctx, urls, f.partitions, f.owners(t), f.client.Model)
	must(t, err)
	if len(r.Faults) > 0 {
		t.Fatalf("the databases are not as they should be:\n%s", strings.Join(r.Faults, "\n"))
	}
	t.Logf("checked %d database server(s): rows %v, partitions %v", len(urls), r.Rows, r.Owned)
}

// get reads JSON from a URL, with a token where there is one.
func get(ctx context.Context, url, token string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Close = true
	if token != "" {
		req.Header.Set("X-Consul-Token", token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d: %.300s", url, resp.StatusCode, raw)
	}
	return json.Unmarshal(raw, out)
}

func (f *fixture) admin(ctx context.Context, path string, out any) error {
	return get(ctx, "http://"+f.Addr("router", 8001)+path, "", out)
}

func (f *fixture) owners(t *testing.T) map[string]int {
	t.Helper()
	var m struct {
		Owners map[string]int `json:"owners"`
	}
	must(t, f.admin(t.Context(), "/admin/map", &m))
	return m.Owners
}

// wait asks again until the condition returns nil.
func wait(t *testing.T, limit time.Duration, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	must(t, systemtest.Until(ctx, func() error { return condition(ctx) }))
}

func (f *fixture) waitForRest(t *testing.T) {
	t.Helper()
	wait(t, 3*time.Minute, func(ctx context.Context) error {
		var r struct {
			Running bool
			Problem string
		}
		if err := f.admin(ctx, "/admin/rebalance", &r); err != nil {
			return err
		}
		if r.Running {
			return fmt.Errorf("a rebalance is running; %s", r.Problem)
		}
		return nil
	})
}

// waitForMoves waits until that many moves more than now have ended.
func (f *fixture) waitForMoves(t *testing.T, more int) {
	t.Helper()
	first := -1
	wait(t, 2*time.Minute, func(ctx context.Context) error {
		var r struct{ Done, Total int }
		if err := f.admin(ctx, "/admin/rebalance", &r); err != nil {
			return err
		}
		if first < 0 || r.Done < first {
			first = r.Done
		}
		if r.Done-first < more {
			return fmt.Errorf("%d of %d moves done", r.Done, r.Total)
		}
		return nil
	})
}

func (f *fixture) waitForStatus(t *testing.T, cell, status string) {
	t.Helper()
	wait(t, soon, func(ctx context.Context) error {
		var reply struct {
			Cells []struct {
				ID     string `json:"cell_id"`
				Status string `json:"status"`
			} `json:"cells"`
		}
		if err := f.admin(ctx, "/admin/cells", &reply); err != nil {
			return err
		}
		for _, c := range reply.Cells {
			if c.ID == cell && c.Status == status {
				return nil
			}
		}
		return fmt.Errorf("%s is not %s: %+v", cell, status, reply.Cells)
	})
}

// waitForAnswer waits until a customer of the cell gets this status.
func (f *fixture) waitForAnswer(t *testing.T, cell string, want int) {
	t.Helper()
	wait(t, soon, func(ctx context.Context) error {
		for i := range f.count {
			id := load.ID("load", i)
			var at struct {
				Cell string `json:"cell_id"`
			}
			if err := f.admin(ctx, "/admin/locate/"+id, &at); err != nil {
				return err
			}
			if at.Cell != cell {
				continue
			}
			status, err := f.ask(ctx, id)
			if err == nil && status != want && (want != http.StatusOK || status != http.StatusNotFound) {
				err = fmt.Errorf("GET %s: status %d, want %d", id, status, want)
			}
			return err
		}
		return fmt.Errorf("no customer lives in %s", cell)
	})
}

func (f *fixture) ask(ctx context.Context, id string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.client.URL+"/api/customers/"+id, nil)
	if err != nil {
		return 0, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// waitForOperations waits until the client has done that many more.
func (f *fixture) waitForOperations(t *testing.T, more int) {
	t.Helper()
	target := f.client.Operations() + more
	wait(t, 2*soon, func(context.Context) error {
		if n := f.client.Operations(); n < target {
			return fmt.Errorf("%d of %d operations done", n, target)
		}
		return nil
	})
}

func (f *fixture) waitForSource(t *testing.T, source string) {
	t.Helper()
	wait(t, soon, func(ctx context.Context) error {
		var m struct {
			Source string
			Age    float64 `json:"age_seconds"`
		}
		if err := f.admin(ctx, "/admin/map", &m); err != nil {
			return err
		}
		if m.Source != source || m.Age > 10 {
			return fmt.Errorf("the map is from %q, %.0f s old, want %q", m.Source, m.Age, source)
		}
		return nil
	})
}

// leader names the mover that holds the lock.
func (f *fixture) leader(ctx context.Context) (string, error) {
	token, err := f.Secret(ctx, "mover-2", "/run/cellway/own/consul-token")
	if err != nil {
		return "", err
	}
	var keys []struct {
		Value   []byte
		Session string
	}
	if err := get(ctx, "http://"+f.Addr("consul", 8500)+"/v1/kv/cellway/leader", token, &keys); err != nil {
		return "", err
	}
	if len(keys) != 1 || keys[0].Session == "" {
		return "", fmt.Errorf("no mover leads: %v", keys)
	}
	return string(keys[0].Value), nil
}

// order gives an order by the command line inside the router's container, in the background.
func (f *fixture) order(t *testing.T, args ...string) (done func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() {
		_, err := f.Run(ctx, "router", args...)
		ended <- err
	}()
	return func() {
		t.Helper()
		must(t, <-ended)
	}
}
