package edge

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/internal/protocol"
)

// Codes of answers that no rule about cells has a part in.
const (
	CodeNoRoute  = "no_such_path"
	CodeMethod   = "method_not_allowed"
	CodeInternal = "internal"
)

// Problem is an error that the edge answers with.
type Problem struct {
	Status     int    `json:"-"`
	RetryAfter int    `json:"-"` // seconds; 0: none
	Error      string `json:"error"`
	Details    string `json:"details,omitempty"`
	Code       string `json:"code,omitempty"`
	Field      string `json:"field,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
}

// New is Gin without opinions: paths are matched as they were sent and never redirected, nothing is printed, and
// what it does not know is answered in JSON.
func New(logger *slog.Logger) *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // else Gin prints its routes
	g := gin.New()
	g.UseEscapedPath = true
	g.UnescapePathValues = false
	g.RedirectTrailingSlash = false
	g.RedirectFixedPath = false
	g.HandleMethodNotAllowed = true
	g.ForwardedByClientIP = false
	g.Use(func(c *gin.Context) { prepare(c, logger) })
	g.NoRoute(func(c *gin.Context) {
		Refuse(c, Problem{Status: http.StatusNotFound, Error: "Not found", Code: CodeNoRoute})
	})
	g.NoMethod(func(c *gin.Context) {
		Refuse(c, Problem{Status: http.StatusMethodNotAllowed, Error: "Method not allowed", Code: CodeMethod})
	})
	return g
}

// prepare names the request and keeps a panic from ending the process.
func prepare(c *gin.Context, logger *slog.Logger) {
	id := requestID(c.GetHeader(protocol.HeaderRequestID))
	c.Header(protocol.HeaderRequestID, id)
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) || c.Writer.Written() {
			panic(http.ErrAbortHandler) // the answer is on its way: all that can be done is to break it off
		}
		logger.Error("panic while serving", slog.String("request_id", id), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		Refuse(c, Problem{Status: http.StatusInternalServerError, Error: "Internal error", Code: CodeInternal})
	}()
	c.Next()
}

// RequestID returns the ID that the request has been given.
func RequestID(c *gin.Context) string { return c.Writer.Header().Get(protocol.HeaderRequestID) }

// Refuse answers with a problem.
func Refuse(c *gin.Context, p Problem) {
	p.RequestID = RequestID(c)
	if p.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	WriteJSON(c, p.Status, p)
}

// WriteJSON answers with v, and nothing else will.
func WriteJSON(c *gin.Context, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil { // nothing that is written here can fail to be encoded
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.Header("Cache-Control", "no-store")
	Write(c, status, "application/json; charset=utf-8", append(raw, '\n'))
	c.Abort()
}

// Write answers with raw; a HEAD gets its length alone.
func Write(c *gin.Context, status int, contentType string, raw []byte) {
	c.Header("Content-Type", contentType)
	c.Header("Content-Length", strconv.Itoa(len(raw)))
	c.Status(status)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return
	}
	_, _ = c.Writer.Write(raw) // who does not read the answer has left
}
