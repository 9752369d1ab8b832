package localserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// consulReadyIn bounds a start; a leader is there after 1.7 s on an idle machine.
const consulReadyIn = 60 * time.Second

// ConsulNode is the node's name in the catalog.
const ConsulNode = "cellway"

// ConsulConfig says how a private Consul server runs.
type ConsulConfig struct {
	Dir           string        // the server's own directory; made if missing. Required
	Bin           string        // path of the binary; "": found, see FindConsul (it is not built)
	Port          int           // HTTP, on 127.0.0.1; 0: a free one
	Reserved      []int         // ports that are not picked, besides Port: others will listen there
	SessionTTLMin time.Duration // shortest TTL that a session may ask for; 0: Consul's own default, 10 s
	Dashboard     string        // URL that Consul's page links beside each service; "": none
	LogLevel      string        // trace, debug, info, warn, error; "": warn
	Output        io.Writer     // the server's log; nil: dropped
	Stop          time.Duration // how long an orderly end may take; 0: 10 s
}

// Consul is a running private server: a cluster of one, with its UI, whose data stays in its directory when it
// stops. Besides HTTP it listens on two ports that it cannot do without (server RPC, Serf); they are kept between
// starts while they are free.
type Consul struct {
	*Process
	Port int
}

// StartConsul starts a server and returns when it has a leader and knows its own node, so that reads, writes and
// sessions work. [ErrNoConsul] and [ErrPortInUse] say what a person can do.
func StartConsul(ctx context.Context, cfg ConsulConfig) (*Consul, error) {
	bin, err := FindConsul(ctx, cfg.Bin)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil || cfg.Dir == "" {
		return nil, fmt.Errorf("consul: directory %q: %w", cfg.Dir, errors.Join(err, os.ErrInvalid))
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return nil, fmt.Errorf("consul: make directory: %w", err)
	}
	for try := 1; ; try++ {
		out := &tail{next: cfg.Output}
		c, err := startConsul(ctx, cfg, bin, dir, out)
		if err == nil || ctx.Err() != nil || try == portTries || !out.contains("address already in use") {
			return c, err
		}
	}
}

func startConsul(ctx context.Context, cfg ConsulConfig, bin, dir string, out *tail) (*Consul, error) {
	file, port, err := configureConsul(cfg, dir)
	if err != nil {
		return nil, err
	}
	p, err := StartProcess(Spec{
		Name: "consul", Path: bin, Args: []string{"agent", "-config-file=" + file}, Dir: dir, Output: out,
		Env:     []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir},
		StopFor: cfg.Stop, // by SIGTERM, which is not told to leave: it keeps its data and its place
	})
	if err != nil {
		return nil, err
	}
	c := &Consul{Process: p, Port: port}
	if err := awaitReady(ctx, p, consulReadyIn, c.ready); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w: %s", err, out.lines(3))
	}
	return c, nil
}

// configureConsul picks the ports and writes the configuration file.
func configureConsul(cfg ConsulConfig, dir string) (file string, port int, err error) {
	if port = cfg.Port; port == 0 {
		port, err = FreePort()
	} else if err = CheckFree(loopbackAddr(port)); err != nil {
		err = fmt.Errorf("consul: %w", err)
	}
	if err != nil {
		return "", 0, err
	}
	inner, err := keptPorts(filepath.Join(dir, "ports.json"), append(slices.Clone(cfg.Reserved), port))
	if err != nil {
		return "", 0, err
	}
	raw, err := json.MarshalIndent(ConsulSettings(cfg, filepath.Join(dir, "data"), port, inner.Server, inner.Serf), "", "  ")
	if err != nil {
		return "", 0, fmt.Errorf("consul: write configuration: %w", err)
	}
	file = filepath.Join(dir, "agent.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return "", 0, fmt.Errorf("consul: write configuration: %w", err)
	}
	return file, port, nil
}

// innerPorts are those that only Consul itself uses.
type innerPorts struct {
	Server int `json:"server"`
	Serf   int `json:"serf_lan"`
}

// ConsulSettings is the agent's configuration, as its JSON file has it: a cluster of one server that keeps its data
// in the directory data and listens on 127.0.0.1 only, on the ports httpPort, server (RPC) and serf.
func ConsulSettings(cfg ConsulConfig, data string, httpPort, server, serf int) map[string]any {
	level := cfg.LogLevel
	if level == "" {
		level = "warn"
	}
	page := map[string]any{"enabled": true}
	if cfg.Dashboard != "" {
		page["dashboard_url_templates"] = map[string]string{"service": cfg.Dashboard}
	}
	settings := map[string]any{
		"server": true, "bootstrap_expect": 1,
		"data_dir": data, "node_name": ConsulNode, "datacenter": "dc1",
		"bind_addr": Loopback, "advertise_addr": Loopback, "client_addr": Loopback,
		"ports": map[string]int{
			"http": httpPort, "server": server, "serf_lan": serf,
			"https": -1, "grpc": -1, "grpc_tls": -1, "dns": -1, "serf_wan": -1,
		},
		"ui_config":             page,
		"performance":           map[string]any{"raft_multiplier": 1},
		"limits":                map[string]any{"http_max_conns_per_client": 2000}, // everything comes from one address
		"log_level":             strings.ToUpper(level),
		"leave_on_terminate":    false,
		"check_update_interval": "10s", // how old a check's text may be that changes without its status; for people
		"disable_update_check":  true,
		"enable_script_checks":  false,
	}
	if cfg.SessionTTLMin > 0 {
		settings["session_ttl_min"] = cfg.SessionTTLMin.String()
	}
	return settings
}

// keptPorts returns the ports of the last start, new ones if they are taken, or meant for others, or there are none.
func keptPorts(path string, others []int) (innerPorts, error) {
	var kept innerPorts
	usable := func(port int) bool {
		return port > 0 && !slices.Contains(others, port) && CheckFree(loopbackAddr(port)) == nil
	}
	raw, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(raw, &kept) == nil && usable(kept.Server) && usable(kept.Serf) {
		return kept, nil
	}
	ports, err := FreePorts(2, others...)
	if err != nil {
		return innerPorts{}, fmt.Errorf("consul: %w", err)
	}
	kept = innerPorts{Server: ports[0], Serf: ports[1]}
	if raw, err = json.Marshal(kept); err == nil {
		err = os.WriteFile(path, raw, 0o600)
	}
	if err != nil {
		return innerPorts{}, fmt.Errorf("consul: keep ports: %w", err)
	}
	return kept, nil
}

// Addr is host:port of the HTTP API and the UI.
func (c *Consul) Addr() string { return loopbackAddr(c.Port) }

// URL of the HTTP API; the UI is below it at /ui/.
func (c *Consul) URL() string { return "http://" + c.Addr() }

func (c *Consul) ready(ctx context.Context) error { return ConsulReady(ctx, c.Addr()) }

// RemoveConsul removes a stopped server's directory.
func RemoveConsul(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}

// ConsulReady asks the agent at addr (host:port) whether it has a leader that knows the agent's node: sessions
// are refused before that.
func ConsulReady(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := "http://" + addr + "/v1/health/state/passing?consistent"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask Consul: %w", err)
	}
	// A connection of its own, closed at once: nothing stays behind in tests that look for leaks.
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask Consul: %w", err)
	}
	defer resp.Body.Close()
	var checks []struct{ CheckID string }
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask Consul: status %d", resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&checks); err != nil {
		return fmt.Errorf("read Consul's answer: %w", err)
	}
	for _, c := range checks {
		if c.CheckID == "serfHealth" {
			return nil
		}
	}
	return errors.New("its node is not in the catalog yet")
}
