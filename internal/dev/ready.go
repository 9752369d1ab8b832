package dev

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const readyPoll = 50 * time.Millisecond

// awaitHealthy waits until url answers 200, the process has ended, or ctx has.
func awaitHealthy(ctx context.Context, proc running, name, url string) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		err := healthy(ctx, client, url)
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

func healthy(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %d", url, resp.StatusCode)
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
	for _, url := range []string{"http://" + s.cfg.RouterAddr + "/health", "http://" + s.cfg.AdminAddr + "/admin/map"} {
		if err := awaitHealthy(ctx, c.proc, "router", url); err != nil {
			return err
		}
	}
	return nil
}

// readyBlock is what a person sees when everything runs.
func (s *supervisor) readyBlock(took time.Duration) string {
	line := strings.Repeat("-", 78)
	return fmt.Sprintf(`%[1]s
Cellway is ready (%.1[2]f s).

  customers' API   http://%[3]s/api/customers/{id}
  for operators    http://%[4]s/
  Consul           http://%[5]s/ui/

Try, in a second terminal:
  curl -X POST http://%[3]s/api/customers/alice -d '{"name":"Alice","email":"alice@example.org"}'
  make add-cell NAME=cell-d
  make status

Ctrl-C stops everything; the data stays in %[6]s.
%[1]s`, line, took.Seconds(), s.cfg.RouterAddr, s.cfg.AdminAddr, s.cfg.ConsulAddr, s.cfg.StateDir)
}
