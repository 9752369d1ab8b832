package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/router/route"
)

var errSwitched = errors.New("the cell switched protocols")

// Call is a request on its way to a cell. It may be sent several times and is never changed.
type Call struct {
	Method   string
	Write    bool
	Path     string // decoded, made of parsed parts
	RawQuery string
	Header   http.Header // as RequestHeader made it
	Body     []byte
}

// Answer is what one attempt gave. Status, Header and Body are set where the outcome is Answered.
type Answer struct {
	route.Attempt
	Status int
	Header http.Header // as the cell sent it
	Body   []byte
	Err    error // what went wrong, for the log
}

// Client sends requests to cells. It keeps connections; Close drops the idle ones.
type Client struct {
	cfg       Config
	transport *http.Transport
	breakers  *breakers
	inFlight  inFlight
}

// NewClient makes a Client.
func NewClient(cfg Config) *Client {
	cfg = cfg.withDefaults()
	return &Client{
		cfg: cfg,
		transport: &http.Transport{
			Proxy:                 nil, // never from the environment
			DialContext:           newDialer(cfg.Dial, cfg.AllowedNetworks),
			MaxIdleConns:          0, // as many as all hosts together may have
			MaxIdleConnsPerHost:   cfg.IdlePerHost,
			MaxConnsPerHost:       cfg.InFlight,
			IdleConnTimeout:       cfg.Idle,
			ResponseHeaderTimeout: cfg.Answer,
			DisableCompression:    true, // answers pass as they are
			ForceAttemptHTTP2:     false,
		},
		breakers: &breakers{
			failures: uint32(cfg.BreakerFailures), pause: cfg.BreakerPause, logger: cfg.Logger, opened: cfg.BreakerOpened,
		},
		inFlight: inFlight{limit: int64(cfg.InFlight)},
	}
}

// Close drops the connections that nobody uses.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// InFlight returns how many requests to the cell are on their way.
func (c *Client) InFlight(cell string) int64 { return c.inFlight.count(cell) }

// Send sends the call to one instance, once. The answer's outcome is never None. A client that leaves (ctx) ends
// a read; a write goes on to its end, whoever listens.
func (c *Client) Send(ctx context.Context, cell, address string, call *Call) Answer {
	a := Answer{Attempt: route.Attempt{Cell: cell, Address: address}}
	leave, ok := c.inFlight.enter(cell)
	if !ok {
		a.Outcome = route.Busy
		return a
	}
	defer leave()
	tell, err := c.breakers.of(cell, address).Allow()
	if err != nil {
		a.Outcome, a.Err = route.BreakerOpen, err
		return a
	}
	client := ctx
	if call.Write {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Answer)
	defer cancel()
	t := &trail{}
	resp, err := c.transport.RoundTrip(c.request(httptrace.WithClientTrace(ctx, t.clientTrace()), address, call))
	if err == nil {
		err = c.read(resp, &a)
	}
	if err != nil {
		a.Outcome, a.Err = outcome(err, t), err
	}
	tell(verdict(a, client.Err() != nil && !call.Write))
	if a.Outcome == route.DialFailed && errors.Is(err, ErrAddress) {
		c.cfg.Logger.Error("instance not dialled", slog.String("cell", cell), slog.String("address", address), slog.Any("error", err))
	}
	return a
}

// request makes the request anew for each attempt. A body without GetBody is one that Transport cannot repeat.
func (c *Client) request(ctx context.Context, address string, call *Call) *http.Request {
	r := &http.Request{
		Method: call.Method, URL: &url.URL{Scheme: "http", Host: address, Path: call.Path, RawQuery: call.RawQuery},
		Header: call.Header, Host: address, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: http.NoBody, ContentLength: int64(len(call.Body)),
	}
	if len(call.Body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(call.Body))
	}
	return r.WithContext(ctx)
}

// read takes the whole answer in, so that one which breaks off is known as such before the client sees any of it.
func (c *Client) read(resp *http.Response, a *Answer) error {
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols { // nobody asked for it, and its body has no end
		return errSwitched
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, c.cfg.MaxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusMisdirectedRequest:
		a.Outcome = route.Refused
		if owner, epoch, err := protocol.ParseOwner(resp.Header.Get(protocol.HeaderOwner)); err == nil {
			a.Owner = route.Owner{Cell: owner, Epoch: epoch}
		}
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get(protocol.HeaderFenced) == "1":
		a.Outcome = route.Fenced
	case int64(len(raw)) > c.cfg.MaxAnswer:
		a.Outcome = route.TooLarge
	default:
		a.Outcome, a.Status, a.Header, a.Body = route.Answered, resp.StatusCode, resp.Header, raw
	}
	return nil
}

// outcome says what an attempt gave that brought no whole answer.
func outcome(err error, t *trail) route.Outcome {
	var timeout net.Error
	late := errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
	switch {
	case t.wrote() && late:
		return route.TimedOut
	case t.wrote():
		return route.Lost
	case t.connected() && !late:
		return route.Unsent
	default:
		return route.DialFailed
	}
}

// verdict is what the attempt means to the instance's breaker.
func verdict(a Answer, clientLeft bool) error {
	switch {
	case clientLeft:
		return errNothing
	case a.Outcome == route.DialFailed || a.Outcome == route.TimedOut:
		return errFailed
	default:
		return nil
	}
}

// Get fetches something small from an instance, for the admin API. The answer is at most limit bytes.
func (c *Client) Get(ctx context.Context, address, path string, limit int64) ([]byte, error) {
	req := c.request(ctx, address, &Call{Method: http.MethodGet, Path: path, Header: http.Header{"Accept": {"application/json"}, "User-Agent": {""}}})
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("get %s from %s: %w", path, address, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("get %s from %s: %w", path, address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s from %s: status %d", path, address, resp.StatusCode)
	}
	return raw, nil
}
