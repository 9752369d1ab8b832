package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/edge"
)

// Codes of the admin API's errors.
const (
	codeNoRegistry  = "registry_unavailable"
	codeNoMap       = "no_map"
	codeNoCell      = "no_such_cell"
	codeRefused     = "admin_refused"
	codeConflict    = "conflict"
	codeLastCell    = "last_cell"
	codeInvalid     = "invalid_request"
	codeNoMove      = "no_such_move"
	codeNoRebalance = "no_such_rebalance"
	codeEnded       = "move_ended"
	codeTooLate     = "past_point_of_no_return"
)

const retryAfter = 1 // seconds

// api is the admin listener's handler.
type api struct {
	cfg  Config
	ring rings
	// turn lets one order through at a time: each looks before it asks.
	turn chan struct{}
}

// New returns the handler of the admin listener.
func New(cfg Config) http.Handler {
	a := &api{cfg: cfg, turn: make(chan struct{}, 1)}
	g := edge.New(cfg.Logger)
	g.GET("/", a.page)
	g.GET("/metrics", gin.WrapH(promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{Timeout: cfg.Patience})))
	g.GET("/admin/health", a.health)
	g.GET("/admin/map", a.showMap)
	g.GET("/admin/locate/*id", a.locate)
	g.GET("/admin/cells", a.cells)
	g.GET("/admin/plan", a.plan)
	g.GET("/admin/moves", a.moves)
	g.GET("/admin/moves/:move", a.move)
	g.GET("/admin/rebalance", a.rebalance)
	g.GET("/admin/pace", a.showPace)
	g.GET("/admin/verify", a.verify)
	orders := g.Group("/", a.guard)
	orders.POST("/admin/cells/:cell/drain", a.drain)
	orders.POST("/admin/cells/:cell/undrain", a.undrain)
	orders.DELETE("/admin/cells/:cell", a.remove)
	orders.POST("/admin/pause", a.pause)
	orders.POST("/admin/resume", a.resume)
	orders.POST("/admin/moves/:move/cancel", a.cancelMove)
	orders.POST("/admin/rebalance", a.requestRebalance)
	orders.PUT("/admin/pace", a.setPace)
	orders.POST("/admin/rebalance/cancel", a.cancelRebalance)
	orders.POST("/admin/rebalance/reverse", a.reverseRebalance)
	return g
}

// patiently bounds what a request may ask of the registry.
func (a *api) patiently(c *gin.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Request.Context(), a.cfg.Patience)
}

// fail answers with what became of the registry's word.
func (a *api) fail(c *gin.Context, err error) {
	p := edge.Problem{Status: http.StatusInternalServerError, Error: "Internal error", Code: edge.CodeInternal}
	var no refusal
	switch {
	case errors.As(err, &no):
		p = no.problem
	case errors.Is(err, registry.ErrNotFound):
		p = edge.Problem{Status: http.StatusNotFound, Error: "No such cell", Code: codeNoCell}
	case errors.Is(err, registry.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p = edge.Problem{
			Status: http.StatusServiceUnavailable, RetryAfter: retryAfter, Error: "The registry does not answer",
			Details: err.Error(), Code: codeNoRegistry,
		}
	case errors.Is(err, errOrder):
		p = edge.Problem{Status: http.StatusConflict, Error: "Not now", Details: err.Error(), Code: codeConflict}
		if errors.Is(err, errLastCell) {
			p.Code = codeLastCell
		}
	default:
		a.cfg.Logger.Error("admin request failed", slog.String("request_id", edge.RequestID(c)), slog.Any("error", err))
	}
	edge.Refuse(c, p)
}
