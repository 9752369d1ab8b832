package customers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	prefix       = "/api/customers/"
	requestIDKey = "X-Request-Id"
)

// New builds the application.
func New(cfg Config) (http.Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	a := &app{cfg: cfg, store: store{db: database{pool: cfg.Pool, timeout: cfg.Timeout}}}
	return a.handler(), nil
}

type app struct {
	cfg   Config
	store store
}

func (a *app) handler() http.Handler {
	gin.SetMode(gin.ReleaseMode) // else Gin writes its routes to stdout
	engine := gin.New()
	// The path is matched as it was sent and never redirected; routekey decodes it, once.
	engine.UseEscapedPath = true
	engine.UnescapePathValues = false
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.NoRoute(a.refuse(&Error{Code: CodeNoRoute, Message: "Not found"}))
	engine.NoMethod(a.wrongMethod)
	engine.Use(a.recover)
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		engine.Handle(method, prefix+"*path", a.serve)
	}
	return engine
}

// serve reads the whole request, runs the operation that it asks for and writes its answer.
func (a *app) serve(c *gin.Context) {
	body, err := readBody(c.Writer, c.Request, a.cfg.MaxBody)
	if err != nil {
		a.fail(c, err)
		return
	}
	req, res, err := a.find(c.Request)
	if err != nil {
		a.fail(c, err)
		return
	}
	op := res.operation(c.Request.Method)
	if op == nil {
		a.wrongMethod(c)
		return
	}
	req.body = body
	ans, err := op(c.Request.Context(), req)
	if err != nil {
		a.fail(c, err)
		return
	}
	write(c, ans)
}

// wrongMethod names the methods of the resource, where the path leads to one.
func (a *app) wrongMethod(c *gin.Context) {
	if _, res, err := a.find(c.Request); err == nil {
		c.Header("Allow", res.allow())
	}
	a.fail(c, &Error{Code: CodeMethod, Message: "Method not allowed"})
}

func (a *app) refuse(err error) gin.HandlerFunc {
	return func(c *gin.Context) { a.fail(c, err) }
}

// fail tells the client what it may know and the log the rest.
func (a *app) fail(c *gin.Context, err error) {
	e := asError(err)
	status := e.status()
	id := requestID(c.Request)
	if e.Cause != nil {
		level := slog.LevelWarn
		if e.Code == CodeInternal || e.Code == CodeOutcomeUnknown {
			level = slog.LevelError
		}
		a.cfg.Logger.Log(c.Request.Context(), level, "request failed",
			"method", c.Request.Method, "status", status, "request_id", id, "error", err)
	}
	if e.Code == CodeNotDone {
		c.Header("Retry-After", strconv.Itoa(int((a.cfg.RetryAfter+time.Second-1)/time.Second)))
	}
	write(c, answer{status, errorBody{e.Message, e.Details, string(e.Code), e.Field, id}})
}

type errorBody struct {
	Error     string `json:"error"`
	Details   string `json:"details,omitempty"`
	Code      string `json:"code,omitempty"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

func write(c *gin.Context, ans answer) {
	if ans.body == nil {
		c.Status(ans.status)
		return
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(ans.body); err != nil {
		_ = c.Error(err)
		c.Status(http.StatusInternalServerError)
		return
	}
	c.Header("Content-Type", "application/json; charset=utf-8")
	c.Header("Content-Length", strconv.Itoa(buf.Len()))
	c.Status(ans.status)
	if c.Request.Method == http.MethodHead {
		return
	}
	_, _ = c.Writer.Write(buf.Bytes()) // the client has left
}

// recover turns a panic into an answer, so that one request cannot end the process. What a write had done before
// is not known, and the client must not believe that it was nothing.
func (a *app) recover(c *gin.Context) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		err, _ := v.(error)
		if errors.Is(err, http.ErrAbortHandler) || c.Writer.Written() {
			panic(v) // the answer is on its way: all that can be done is to break it off
		}
		cause := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
			a.fail(c, cause)
			return
		}
		a.fail(c, outcomeUnknown(cause))
	}()
	c.Next()
}

// requestID returns the request's ID if it can be repeated safely.
func requestID(r *http.Request) string {
	id := r.Header.Get(requestIDKey)
	if len(id) > 128 {
		return ""
	}
	for _, b := range []byte(id) {
		if b <= ' ' || b > '~' {
			return ""
		}
	}
	return id
}
