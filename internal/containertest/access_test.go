package containertest

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	tcwait "github.com/testcontainers/testcontainers-go/wait"

	"github.com/cellway/cellway/internal/testenv"
)

const ownToken = "/run/cellway/own/consul-token"

// testAccess asks Consul for what each role may do and for what it may not. Every question that has to be refused has
// a sister that has to be answered, so that a wrong path is not taken for a wall.
func (f *fixture) testAccess(t *testing.T) {
	token := map[string]string{"anonymous": ""}
	for role, container := range map[string]string{"cell-a": "cell-a", "cell-b": "cell-b", "router": "router", "mover": "mover"} {
		secret, err := f.Secret(t.Context(), container, ownToken)
		must(t, err)
		for other, theirs := range token {
			if theirs == secret {
				t.Errorf("%s and %s have one token", role, other)
			}
		}
		token[role] = secret
	}
	const service = `{"Name":"cellway-cell","ID":"intruder","Port":1}`
	for _, c := range []struct {
		role, method, path, body string
		allowed                  bool
	}{
		{"cell-a", http.MethodPut, "/v1/kv/cellway/map?cas=1", "x", false},
		{"mover", http.MethodPut, "/v1/kv/cellway/map?cas=1", "x", true}, // and not done: the index is another
		{"router", http.MethodPut, "/v1/kv/cellway/map?cas=1", "x", false},
		{"router", http.MethodGet, "/v1/kv/cellway/map", "", true},
		{"cell-a", http.MethodPut, "/v1/kv/cellway/cells/cell-b?cas=1", "x", false},
		{"cell-b", http.MethodPut, "/v1/kv/cellway/cells/cell-b?cas=1", "x", true},
		{"cell-a", http.MethodGet, "/v1/kv/cellway/cells/cell-b", "", false},
		{"cell-b", http.MethodGet, "/v1/kv/cellway/cells/cell-b", "", true},
		{"mover", http.MethodPut, "/v1/kv/cellway/cells/cell-b?cas=1", "x", true}, // writes it back where Consul has lost it
		{"router", http.MethodPut, "/v1/kv/cellway/moves/open/1?cas=1", "x", false},
		{"cell-a", http.MethodPut, "/v1/kv/cellway/leader?cas=1", "x", false},
		{"router", http.MethodPut, "/v1/agent/service/register", service, false},
		{"mover", http.MethodPut, "/v1/agent/service/register", service, false},
		{"cell-a", http.MethodPut, "/v1/agent/service/register", service, true},
		{"router", http.MethodPut, "/v1/agent/service/deregister/intruder", "", false},
		{"cell-a", http.MethodPut, "/v1/agent/service/deregister/intruder", "", true},
		{"router", http.MethodPut, "/v1/session/create", `{"Name":"x","TTL":"60s","NodeChecks":[]}`, false},
		{"cell-a", http.MethodGet, "/v1/acl/tokens", "", false},
		{"router", http.MethodGet, "/v1/acl/tokens", "", false},
		{"mover", http.MethodGet, "/v1/acl/tokens", "", false},
		{"anonymous", http.MethodGet, "/v1/acl/tokens", "", false},
		{"mover", http.MethodGet, "/v1/acl/policies", "", false},
		{"anonymous", http.MethodPut, "/v1/session/create", `{"Name":"x","TTL":"60s","NodeChecks":[]}`, false},
		{"anonymous", http.MethodGet, "/v1/kv/cellway/map", "", false},
		{"anonymous", http.MethodGet, "/v1/kv/cellway/cells/cell-a", "", false},
		{"anonymous", http.MethodPut, "/v1/agent/service/register", service, false},
		{"anonymous", http.MethodGet, "/v1/health/service/cellway-cell", "", true},
		{"anonymous", http.MethodGet, "/v1/catalog/nodes", "", true},
	} {
		status, body := f.consul(t, token[c.role], c.method, c.path, c.body)
		if allowed := status == http.StatusOK; allowed != c.allowed || !allowed && status != http.StatusForbidden {
			t.Errorf("%s: %s %s: status %d (%.200s), want allowed: %v", c.role, c.method, c.path, status, body, c.allowed)
		}
	}
	f.testPage(t)
}

// testPage: without a token Consul's page shows every instance with its checks in words, and the way to the admin page.
func (f *fixture) testPage(t *testing.T) {
	_, checks := f.consul(t, "", http.MethodGet, "/v1/health/service/cellway-cell", "")
	for _, want := range []string{`"cell-a"`, `"cell-b"`, `"cell-c"`, "partitions owned", "lease valid"} {
		if !strings.Contains(checks, want) {
			t.Errorf("no %s in %s", want, checks)
		}
	}
	_, page := f.consul(t, "", http.MethodGet, "/ui/", "")
	if !strings.Contains(page, "127.0.0.1%3A8001") && !strings.Contains(page, "127.0.0.1:8001") {
		t.Errorf("the page does not link the admin listener: %.3000s", page)
	}
}

func (f *fixture) consul(t *testing.T, token, method, path, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+f.Addr("consul", 8500)+path, strings.NewReader(body))
	must(t, err)
	req.Close = true
	if token != "" {
		req.Header.Set("X-Consul-Token", token)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(raw)
}

// testHardening looks at the containers as the engine runs them.
func (f *fixture) testHardening(t *testing.T) {
	owners := map[string][]string{} // who mounts a volume of secrets for good
	for _, name := range f.names(func(string) bool { return true }) {
		c, err := f.inspectService(t.Context(), name)
		must(t, err)
		h := c.HostConfig
		user := c.Config.User
		if user == "" || strings.HasPrefix(user, "0") || strings.HasPrefix(user, "root") {
			t.Errorf("%s runs as %q", name, user)
		}
		if !h.ReadonlyRootfs || !slices.Equal(h.CapDrop, []string{"ALL"}) || len(h.CapAdd) > 0 || h.Privileged {
			t.Errorf("%s: read-only %v, dropped %v, added %v, privileged %v", name, h.ReadonlyRootfs, h.CapDrop, h.CapAdd, h.Privileged)
		}
		if !slices.Contains(h.SecurityOpt, "no-new-privileges:true") || h.Memory == 0 || h.NanoCPUs == 0 || h.PidsLimit == nil || *h.PidsLimit <= 0 {
			t.Errorf("%s: %v, memory %d, cpu %d, pids %v", name, h.SecurityOpt, h.Memory, h.NanoCPUs, h.PidsLimit)
		}
		if want := f.project.services[name].Restart; string(h.RestartPolicy.Name) != want || want == "" {
			t.Errorf("%s restarts %q, want %q", name, h.RestartPolicy.Name, want)
		}
		for _, variable := range c.Config.Env {
			key, value, _ := strings.Cut(variable, "=")
			if secretive(key) && !strings.HasPrefix(value, "/run/cellway/") {
				t.Errorf("%s has a secret in its environment: %s", name, key)
			}
		}
		for _, m := range c.Mounts {
			if !strings.HasSuffix(m.Name, "-secrets") || f.project.services[name].runsOnce() {
				continue
			}
			if m.RW {
				t.Errorf("%s may write %s", name, m.Name)
			}
			owners[m.Name] = append(owners[m.Name], strings.TrimSuffix(name, "-2")) // mover-2 is a mover
		}
	}
	for volume, names := range owners {
		slices.Sort(names)
		if who := slices.Compact(names); len(who) != 1 {
			t.Errorf("secrets %s are read by %v", volume, who)
		}
	}
	if len(owners) != 7 {
		t.Errorf("%d volumes of secrets are in use, want those of Postgres, Consul, router, mover and three cells: %v", len(owners), owners)
	}
}

// secretive says whether a variable's name promises a secret.
func secretive(name string) bool {
	for _, word := range []string{"PASSWORD", "TOKEN", "SECRET", "KEY"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.HasSuffix(name, "PLATFORM_URL") || strings.HasSuffix(name, "APP_URL")
}

// testWalls dials from a container on the router's public network, and, to see that the dialling works, from one on
// the networks behind it.
func (f *fixture) testWalls(t *testing.T) {
	cell, postgres := f.address(t, "cell-a", "cells"), f.address(t, "postgres", "database")
	for _, c := range []struct {
		network, host, port string
		open                bool
	}{
		{"edge", "router", "8000", true},
		{"edge", cell, "8003", false},
		{"edge", cell, "8002", false},
		{"cells", "cell-a", "8002", true},
		{"edge", postgres, "5432", false},
		{"edge", "cell-a-control", "8003", false},
		{"edge", "postgres", "5432", false},
		{"edge", "consul", "8500", false},
		{"control", "cell-a-control", "8003", true},
		{"database", "postgres", "5432", true},
		{"control", "postgres", "5432", false},
	} {
		if open := f.dials(t, c.network, c.host, c.port); open != c.open {
			t.Errorf("from %s to %s:%s: open %v, want %v", c.network, c.host, c.port, open, c.open)
		}
	}
}

func (f *fixture) address(t *testing.T, name, network string) string {
	t.Helper()
	c, err := f.inspectService(t.Context(), name)
	must(t, err)
	return c.NetworkSettings.Networks[f.networks[network].Name].IPAddress.String()
}

func (f *fixture) dials(t *testing.T, network, host, port string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: testcontainers.ContainerRequest{
			Image: f.project.services["postgres"].Image, Entrypoint: []string{"bash"}, Networks: []string{f.networks[network].Name}, Labels: testenv.Labels(),
			Cmd: []string{"-c", "timeout 2 bash -c '</dev/tcp/" + host + "/" + port + "'"}, WaitingFor: tcwait.ForExit(),
		},
		Started: true,
	})
	if c != nil {
		defer func() { must(t, testcontainers.TerminateContainer(c)) }()
	}
	must(t, err)
	state, err := c.State(ctx)
	must(t, err)
	return state.ExitCode == 0
}
