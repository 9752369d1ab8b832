package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/cellway/cellway/placement"
)

// Verb names a command.
type Verb string

// The commands of a move; see the package documentation.
const (
	VerbAdopt    Verb = "adopt"
	VerbRecord   Verb = "record"
	VerbImport   Verb = "import"
	VerbCopy     Verb = "copy"
	VerbClose    Verb = "close"
	VerbFence    Verb = "fence"
	VerbPull     Verb = "pull"
	VerbHandover Verb = "handover"
	VerbOwn      Verb = "own"
	VerbReceipt  Verb = "receipt"
	VerbCheck    Verb = "check"
	VerbCompare  Verb = "compare"
	VerbSweep    Verb = "sweep"
	VerbRelease  Verb = "release"
	VerbClear    Verb = "clear"
)

// Paths of the internal listener.
const (
	PathPrefix     = "/internal/v1"
	PathPartitions = PathPrefix + "/partitions" // GET: every row; POST PathPartitions/{p}/{verb}: a command
	PathAssign     = PathPrefix + "/assign"     // POST Assignment: the first map
	PathGates      = PathPrefix + "/gates"      // POST /{p} GateOrder: between the instances of one cell
	PathRows       = "/rows"                    // GET PathPartitions/{p}/rows: the pull of rows, a Frame stream
	PathTables     = PathPrefix + "/tables"     // GET: the catalog of the tracked tables
	PathLatency    = PathPrefix + "/latency"    // GET Latency: how long the instance's writes take
)

// Assignment gives a cell its share of the first map: rows that never had an owner become owned.
type Assignment struct {
	Cell       string                `json:"cell"` // whom it is for; another refuses it
	Cluster    string                `json:"cluster"`
	Partitions []placement.Partition `json:"partitions"`
	Epoch      placement.Epoch       `json:"epoch"`
	Token      uint64                `json:"token"`
}

// GateAction is what one instance of a cell asks of the gates of all.
type GateAction string

const (
	GateCloseWrites GateAction = "close_writes" // and wait for the writes in flight; opens by itself after Millis
	GateOpen        GateAction = "open"         // forget a close for writes
	GateCloseReads  GateAction = "close_reads"  // for FenceNo; opens only with a later state of the row
	GateRefresh     GateAction = "refresh"      // read the row again
	GateReadsEnded  GateAction = "reads_ended"  // answer once the reads admitted before the hand-over have ended
)

// GateOrder goes from the instance that carries out a command to every leased instance, itself included.
type GateOrder struct {
	Action  GateAction `json:"action"`
	FenceNo int64      `json:"fence_no,omitempty"`
	WaitMS  int64      `json:"wait_ms,omitempty"` // how long to wait for requests in flight
	OpenMS  int64      `json:"open_ms,omitempty"` // close_writes: open again after this
	// Instance is the one that is meant; another, which has got its address meanwhile, must not answer for it.
	Instance string `json:"instance,omitempty"`
}

// GateReply is a gate's answer. InFlight names requests that did not end in time ("PUT /api/customers/x, 1.2s").
type GateReply struct {
	Done     bool     `json:"done"`
	InFlight []string `json:"in_flight,omitempty"`
}

// Client speaks to the internal listeners of cells. It sets no timeout of its own: contexts do.
type Client struct {
	HTTP  *http.Client
	Token string // the internal listeners' bearer credential
}

// Do sends a command about one partition to the instance at addr (host:port). An answer other than success is a
// [*Problem]; any other error means that nothing is known of what was done.
func (c *Client) Do(ctx context.Context, addr string, p placement.Partition, verb Verb, cmd Command) (Reply, error) {
	var out Reply
	err := c.call(ctx, http.MethodPost, addr, PartitionPath(p)+"/"+string(verb), cmd, &out)
	return out, err
}

// Row reads one partition's row.
func (c *Client) Row(ctx context.Context, addr string, p placement.Partition) (Row, error) {
	var out Reply
	err := c.call(ctx, http.MethodGet, addr, PartitionPath(p), nil, &out)
	return out.Row, err
}

// Rows reads every partition's row.
func (c *Client) Rows(ctx context.Context, addr string) ([]Row, error) {
	var out []Row
	err := c.call(ctx, http.MethodGet, addr, PathPartitions, nil, &out)
	return out, err
}

// Latency says how long writes take at one instance.
func (c *Client) Latency(ctx context.Context, addr string) (Latency, error) {
	var out Latency
	err := c.call(ctx, http.MethodGet, addr, PathLatency, nil, &out)
	return out, err
}

// Assign gives the cell its share of the first map.
func (c *Client) Assign(ctx context.Context, addr string, a Assignment) error {
	return c.call(ctx, http.MethodPost, addr, PathAssign, a, &struct{}{})
}

// Gate asks one instance's gate.
func (c *Client) Gate(ctx context.Context, addr string, p placement.Partition, o GateOrder) (GateReply, error) {
	var out GateReply
	err := c.call(ctx, http.MethodPost, addr, PathGates+"/"+strconv.Itoa(int(p)), o, &out)
	return out, err
}

// Pull opens a stream of a partition's rows; the caller closes it.
func (c *Client) Pull(ctx context.Context, addr string, p placement.Partition, wanted Wanted) (io.ReadCloser, error) {
	resp, err := c.send(ctx, http.MethodGet, addr, PartitionPath(p)+PathRows+"?"+wanted.query(), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Tables reads the catalog of a cell's tracked tables, in the cell's own form.
func (c *Client) Tables(ctx context.Context, addr string, out any) error {
	return c.call(ctx, http.MethodGet, addr, PathTables, nil, out)
}

// PartitionPath is the path of a partition on the internal listener.
func PartitionPath(p placement.Partition) string { return PathPartitions + "/" + strconv.Itoa(int(p)) }

func (c *Client) call(ctx context.Context, method, addr, path string, in, out any) error {
	resp, err := c.send(ctx, method, addr, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read answer of %s%s: %w", addr, path, err)
	}
	// To the end, so that the connection can be used again.
	_, _ = io.Copy(io.Discard, resp.Body)
	return nil
}

// send returns only answers of success, their body unread; others become a Problem.
func (c *Client) send(ctx context.Context, method, addr, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode command: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, body)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", addr, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", addr, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

func readProblem(resp *http.Response) error {
	p := &Problem{Status: resp.StatusCode}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read problem: %w", err)
	}
	if json.Unmarshal(raw, p) != nil || p.Code == "" {
		p.Code, p.Message = CodeInternal, fmt.Sprintf("status %d: %.200s", resp.StatusCode, raw)
	}
	return p
}

// CodeOf returns the code of the Problem in err's chain, "" if there is none.
func CodeOf(err error) string {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return ""
}
