package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/cellway/cellway/internal/localserver"
)

const (
	readyPoll = 50 * time.Millisecond
	askFor    = 2 * time.Second // one question
)

// awaitHealthy asks until the answer is nil, the process has ended, or ctx has.
func awaitHealthy(ctx context.Context, proc running, name string, ask func(context.Context) error) error {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-proc.Done():
			return fmt.Errorf("%s ended before it was ready: %s; its log says why", name, proc.End())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (%w)", name, err, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// errStatus is an answer other than 200.
var errStatus = errors.New("not healthy")

// answers asks a role whether it is ready. A cell cannot be healthy while its database is away: that it answers is
// enough then.
func (s *supervisor) answers(ctx context.Context, p *part, url string) error {
	err := healthy(ctx, url)
	if errors.Is(err, errStatus) && p.kind == kindCell && !s.up("postgres") {
		return nil
	}
	return err
}

func healthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s answers %d", errStatus, url, resp.StatusCode)
	}
	return nil
}

// awaitMap waits until the router serves: there is a map, and it has it.
func (s *supervisor) awaitMap(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadyIn)
	defer cancel()
	s.mu.Lock()
	c := s.children["router"]
	s.mu.Unlock()
	for _, url := range []string{visit(s.cfg.RouterAddr) + "/health", visit(s.cfg.AdminAddr) + "/admin/map"} {
		if err := awaitHealthy(ctx, c.proc, "router", func(ctx context.Context) error { return healthy(ctx, url) }); err != nil {
			return err
		}
	}
	return nil
}

// visit is the URL under which this machine reaches a listener, which may listen on every address.
func visit(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		addr = net.JoinHostPort(localserver.Loopback, port)
	}
	return "http://" + addr
}

// readyBlock is what a person sees when everything runs.
func (s *supervisor) readyBlock(took time.Duration) string {
	line := strings.Repeat("-", 78)
	router := visit(s.cfg.RouterAddr)
	return fmt.Sprintf(`%[1]s
Cellway is ready (%.1[2]f s).

  customers' API   %[3]s/api/customers/{id}
  for operators    %[4]s/
  Consul           %[5]s/ui/

Try, in a second terminal:
  curl %[3]s/api/customers/alice -d '{"name":"Alice","email":"alice@example.org"}'
  %[6]smake add-cell NAME=cell-d
  %[6]smake status

Ctrl-C stops everything; the data stays in %[7]s.
%[1]s`, line, took.Seconds(), router, visit(s.cfg.AdminAddr), visit(s.cfg.ConsulAddr), s.cfg.settings(), s.cfg.StateDir)
}

// settings are the variables that make commands in another terminal find this system, where it is not where they
// look by themselves.
func (c Config) settings() string {
	standard := Config{}.withDefaults()
	var out strings.Builder
	if c.AdminAddr != standard.AdminAddr {
		fmt.Fprintf(&out, "CELLWAY_ADMIN_ADDR=%s ", c.AdminAddr)
	}
	if dir, err := filepath.Abs(standard.StateDir); err != nil || dir != c.StateDir {
		fmt.Fprintf(&out, "CELLWAY_STATE_DIR=%s ", c.StateDir)
	}
	return out.String()
}
