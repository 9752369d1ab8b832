package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cellway/cellway/internal/protocol"
)

const (
	adminTimeout  = 5 * time.Second  // one request
	adminPatience = 30 * time.Second // all tries of one request
)

// adminClient speaks to the router's admin listener. A request that meets a restarting router or an absent
// registry is repeated until it is accepted, for adminPatience, and the user is told.
type adminClient struct {
	base  string // http://host:port
	token string
	say   io.Writer // where waiting is told
	http  *http.Client

	operator string // who gives orders; "": the router says where they come from
}

type adminFlags struct {
	addr      string
	tokenFile string
}

func (f *adminFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.addr, "admin-addr", "127.0.0.1:8001", "admin listener of the router, host:port")
	flags.StringVar(&f.tokenFile, "admin-token-file", "", "file with the admin token; needed where the admin listener is not on loopback")
}

// client speaks to the admin listener. Its token is that of the file, or of the system that sys is, where that has one;
// sys may be nil.
func (f *adminFlags) client(ctx context.Context, sys system, say io.Writer) (c *adminClient, err error) {
	c = &adminClient{base: "http://" + f.addr, say: say, http: &http.Client{Timeout: adminTimeout}}
	keeper, keepsToken := sys.(interface {
		AdminToken(ctx context.Context) (string, error)
	})
	switch {
	case f.tokenFile != "":
		c.token, err = secret("admin-token-file", f.tokenFile)
	case keepsToken:
		c.token, err = keeper.AdminToken(ctx)
	}
	return c, err
}

// refusal is an answer that says no and means it: repeating would change nothing.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

// call sends one request and decodes its answer into out, which may be nil. 5xx and silence are repeated.
func (c *adminClient) call(ctx context.Context, method, path string, out any) error {
	return c.send(ctx, method, path, nil, out)
}

// send is call with a body; nil is none.
func (c *adminClient) send(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	pause, told := 100*time.Millisecond, false
	for {
		err := c.try(ctx, method, path, body, out)
		var no *refusal
		if err == nil || errors.As(err, &no) {
			return err
		}
		if !told {
			fmt.Fprintf(c.say, "%s does not accept it yet (%v): trying again for %v\n", c.base, err, adminPatience)
			told = true
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s%s: not accepted: %w", method, c.base, path, err)
		case <-time.After(pause + rand.N(pause)):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

func (c *adminClient) try(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return &refusal{message: err.Error()}
	}
	if method != http.MethodGet {
		req.Header.Set(protocol.HeaderAdmin, "1")
		if c.operator != "" {
			req.Header.Set(protocol.HeaderOperator, c.operator)
		}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return readRefusal(resp.StatusCode, raw)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

func readRefusal(status int, raw []byte) error {
	var body struct{ Error, Details string }
	if json.Unmarshal(raw, &body) != nil || body.Error == "" {
		body.Error = fmt.Sprintf("status %d: %.200s", status, raw)
	}
	message := body.Error
	if body.Details != "" {
		message += ": " + body.Details
	}
	if status >= http.StatusInternalServerError {
		return errors.New(message)
	}
	return &refusal{status, message}
}

// The parts of the admin API's answers that the commands print.
type (
	cellsReply struct {
		Epoch uint64     `json:"epoch"`
		Cells []cellInfo `json:"cells"`
	}
	cellInfo struct {
		ID         string         `json:"cell_id"`
		Status     string         `json:"status"`
		Weight     int            `json:"weight"`
		Partitions int            `json:"partitions"`
		Customers  *int64         `json:"customers"`
		Instances  []instanceInfo `json:"instances"`
	}
	instanceInfo struct {
		Address string `json:"address"`
		Healthy bool   `json:"healthy"`
		Version string `json:"version"`
	}
	rebalanceReply struct {
		Running       bool      `json:"running"`
		Done          int       `json:"done"`
		Total         int       `json:"total"`
		RowsPerSecond float64   `json:"rows_per_second"`
		ETASeconds    *float64  `json:"eta_seconds"`
		Problem       string    `json:"problem"`
		Paused        *wordInfo `json:"paused,omitempty"`
		Held          *wordInfo `json:"held,omitempty"`
	}
	wordInfo struct {
		Who   string    `json:"who"`
		Since time.Time `json:"since"`
	}
	locateReply struct {
		CustomerID string  `json:"customer_id"`
		Partition  int     `json:"partition"`
		CellID     string  `json:"cell_id"`
		Epoch      uint64  `json:"epoch"`
		Pinned     bool    `json:"pinned"`
		RingCellID string  `json:"ring_cell_id"`
		MovingTo   *string `json:"moving_to"`
	}
	mapReply struct {
		Epoch      uint64         `json:"epoch"`
		Partitions int            `json:"partitions"`
		Source     string         `json:"source"`
		AgeSeconds float64        `json:"age_seconds"`
		Owners     map[string]int `json:"owners"`
	}
	movesReply struct {
		Moves []moveInfo `json:"moves"`
	}
	moveInfo struct {
		ID      string  `json:"id"`
		To      string  `json:"to"`
		State   string  `json:"state"`
		PauseMS float64 `json:"pause_ms"`
	}
)

// allMoves asks for as many moves as the admin API gives.
const allMoves = "/admin/moves?limit=10000"

func (c *adminClient) cell(ctx context.Context, name string) (cellInfo, error) {
	var reply cellsReply
	if err := c.call(ctx, http.MethodGet, "/admin/cells", &reply); err != nil {
		return cellInfo{}, err
	}
	for _, cell := range reply.Cells {
		if cell.ID == name {
			return cell, nil
		}
	}
	return cellInfo{ID: name}, nil
}

// cellPath is the path of a cell's admin resource.
func cellPath(name string, parts ...string) string {
	return strings.Join(append([]string{"/admin/cells/" + url.PathEscape(name)}, parts...), "/")
}
