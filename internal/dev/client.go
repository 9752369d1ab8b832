package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrNotRunning is returned when no system runs under the state directory.
var ErrNotRunning = errors.New("no system is running")

// Client gives orders to the supervisor that runs under a state directory.
type Client struct {
	control controlFile
	dir     string
}

// NewClient finds the supervisor; ErrNotRunning if there is none.
func NewClient(stateDir string) (*Client, error) {
	if stateDir == "" {
		stateDir = Config{}.withDefaults().StateDir
	}
	c := &Client{dir: stateDir}
	raw, err := os.ReadFile(filepath.Join(stateDir, "control.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w under %s: start it with make run", ErrNotRunning, stateDir)
	}
	if err != nil {
		return nil, fmt.Errorf("find the running system: %w", err)
	}
	return c, json.Unmarshal(raw, &c.control)
}

// answerIn bounds the question whether a supervisor is there.
const answerIn = 2 * time.Second

// Answers returns nil if the supervisor is there: one that was killed leaves its file behind. ErrNotRunning if not.
func (c *Client) Answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.control.URL+alivePath, nil)
	if err != nil {
		return err
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+c.control.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w under %s: %w", ErrNotRunning, c.dir, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%w under %s: somebody else listens at %s", ErrNotRunning, c.dir, c.control.URL)
	}
	return nil
}

// Restart restarts a part of the system and returns when it is ready.
func (c *Client) Restart(ctx context.Context, name string) error {
	return c.send(ctx, http.MethodPost, "/restart", order{Name: name})
}

// AddCell starts one more cell, for this and later runs; it returns when the cell is healthy.
func (c *Client) AddCell(ctx context.Context, name string, weight int) error {
	return c.send(ctx, http.MethodPost, "/cells", order{name, weight})
}

// RemoveCell stops a cell and forgets it, for this and later runs.
func (c *Client) RemoveCell(ctx context.Context, name string) error {
	return c.send(ctx, http.MethodDelete, "/cells", order{Name: name})
}

func (c *Client) send(ctx context.Context, method, path string, o order) error {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.control.URL+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+c.control.Token)
	resp, err := http.DefaultClient.Do(req)
	if ctx.Err() != nil {
		return fmt.Errorf("stopped waiting; what was asked for may still be done (make status shows it): %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("%w under %s, or it does not answer: %w", ErrNotRunning, c.dir, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	message, err := io.ReadAll(io.LimitReader(resp.Body, 8<<10))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	said := strings.TrimSpace(string(message))
	if resp.StatusCode == http.StatusConflict {
		return &refusal{said, ErrExists}
	}
	return errors.New(said)
}

// refusal is the supervisor's sentence, which errors.Is knows by its kind.
type refusal struct {
	said string
	kind error
}

func (r *refusal) Error() string { return r.said }

// Unwrap gives the kind.
func (r *refusal) Unwrap() error { return r.kind }
