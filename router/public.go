package router

import (
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/internal/routekey"
	"github.com/cellway/cellway/router/edge"
	"github.com/cellway/cellway/router/forward"
	"github.com/cellway/cellway/router/route"
)

// customersPath is where the routed API lives. What follows it is the key, and below that whatever the application has
// for a key: the cell's application says what there is.
const customersPath = "/api/customers/"

// Codes of the public listener's own answers, beside those of packages route and edge.
const (
	codeInvalidID    = "invalid_id"
	codeInvalidQuery = "invalid_query"
	codeInvalidBody  = "invalid_body"
	codeTooLarge     = "body_too_large"
	codeClientLeft   = "client_left"
)

// public is the public listener's handler.
type public struct {
	cfg      Config
	engine   *engine
	metrics  *metrics
	log      *requestLog
	stopping *atomic.Bool
}

func (p *public) handler() http.Handler {
	g := edge.New(p.cfg.Logger)
	g.GET("/health", p.health)
	g.HEAD("/health", p.health)
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodHead} {
		g.Handle(method, customersPath+"*key", p.forward)
	}
	return g
}

// forward answers one request of the routed API.
func (p *public) forward(c *gin.Context) {
	began := time.Now()
	write := route.IsWrite(c.Request.Method)
	key, call, problem := p.read(c)
	if problem != nil {
		p.metrics.answered("", problem.Status, write, time.Since(began))
		edge.Refuse(c, *problem)
		return
	}
	res := p.engine.do(c.Request.Context(), key, call)
	status := res.answer.Status
	if f := res.refusal; f != nil {
		status = f.Status
		p.metrics.refused.WithLabelValues(f.Code).Inc()
		edge.Refuse(c, edge.Problem{Status: f.Status, RetryAfter: f.RetryAfter, Error: f.Error, Details: f.Details, Code: f.Code})
		if f.Code == codeClientLeft {
			return // says nothing about this router
		}
	} else {
		pass(c, res.answer)
	}
	took := time.Since(began)
	p.metrics.answered(res.cell, status, write, took)
	p.log.request(c.Request.Context(), edge.RequestID(c), call.Method, status, took, res)
}

// read takes the whole request in and parses it; nothing is sent before that is done.
func (p *public) read(c *gin.Context) (string, *forward.Call, *edge.Problem) {
	r := c.Request
	key, below, err := routekey.Split(r.URL.EscapedPath(), customersPath)
	if err != nil {
		return "", nil, badRequest(edge.Problem{Error: "Invalid customer ID", Details: err.Error(), Code: codeInvalidID, Field: "customer_id"})
	}
	if !printable(r.URL.RawQuery) {
		return "", nil, badRequest(edge.Problem{Error: "Invalid query", Code: codeInvalidQuery})
	}
	body, problem := readBody(c, p.cfg.MaxBody)
	if problem != nil {
		return "", nil, problem
	}
	in := forward.Inbound{Key: key, RequestID: edge.RequestID(c), ClientIP: clientIP(r.RemoteAddr), Host: r.Host, Proto: "http"}
	if r.TLS != nil {
		in.Proto = "https"
	}
	return key, &forward.Call{
		Method: r.Method, Write: route.IsWrite(r.Method), Path: customersPath + key + below, RawQuery: r.URL.RawQuery, Body: body,
		Header: forward.RequestHeader(r.Header, in),
	}, nil
}

func badRequest(p edge.Problem) *edge.Problem {
	p.Status = http.StatusBadRequest
	return &p
}

// pass gives the client what the cell has answered.
func pass(c *gin.Context, a forward.Answer) {
	h := c.Writer.Header()
	for name, values := range forward.ResponseHeader(a.Header, a.Cell) {
		h[name] = values
	}
	if a.Status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
	withBody := bodyAllowed(a.Status) && c.Request.Method != http.MethodHead
	if withBody {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	} else if length := a.Header.Get("Content-Length"); length != "" && c.Request.Method == http.MethodHead {
		h.Set("Content-Length", length)
	}
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil // else the server guesses
	}
	c.Status(a.Status)
	c.Writer.WriteHeaderNow()
	if withBody {
		_, _ = c.Writer.Write(a.Body) // who does not read the answer has left
	}
}

func bodyAllowed(status int) bool {
	return status >= http.StatusOK && status != http.StatusNoContent && status != http.StatusNotModified
}

func clientIP(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return ""
	}
	return host
}

// printable says whether a query may stand in a request line as it is.
func printable(query string) bool {
	for i := range len(query) {
		if b := query[i]; b <= ' ' || b >= 0x7f || b == '#' {
			return false
		}
	}
	return true
}
