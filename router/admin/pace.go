package admin

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/router/edge"
)

const maxPaceBody = 4096

// paceBody is the pace of moves; 0 leaves a field to the mover's own configuration.
type paceBody struct {
	Parallel          int     `json:"parallel"`
	PerSource         int     `json:"per_source"`
	PerTarget         int     `json:"per_target"`
	MaxWriteLatencyMS float64 `json:"max_write_latency_ms"`
}

func bodyOf(p registry.Pace) paceBody {
	return paceBody{p.Parallel, p.PerSource, p.PerTarget, float64(p.MaxWriteLatency.Microseconds()) / 1000}
}

func (b paceBody) pace() registry.Pace {
	return registry.Pace{
		Parallel: b.Parallel, PerSource: b.PerSource, PerTarget: b.PerTarget,
		MaxWriteLatency: time.Duration(b.MaxWriteLatencyMS * float64(time.Millisecond)),
	}
}

func (a *api) showPace(c *gin.Context) {
	ctx, cancel := a.patiently(c)
	defer cancel()
	pace, err := a.cfg.Registry.Pace(ctx)
	if err != nil {
		a.fail(c, err)
		return
	}
	edge.WriteJSON(c, http.StatusOK, bodyOf(pace))
}

// setPace replaces the pace as a whole; what the body leaves out is 0.
func (a *api) setPace(c *gin.Context) {
	var body paceBody
	dec := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, maxPaceBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(&body)
	if err == nil && !errors.Is(dec.Decode(&struct{}{}), io.EOF) {
		err = errors.New("more than one value")
	}
	pace := body.pace()
	if err == nil {
		err = pace.Validate()
	}
	if err != nil {
		edge.Refuse(c, edge.Problem{Status: http.StatusBadRequest, Error: "Invalid pace", Details: err.Error(), Code: codeInvalid})
		return
	}
	ctx, cancel := a.patiently(c)
	defer cancel()
	if err := a.cfg.Registry.SetPace(ctx, pace); err != nil {
		a.fail(c, err)
		return
	}
	a.cfg.Logger.Info("operator set the pace", slog.Any("pace", pace), slog.String("client", client(c)), slog.String("request_id", edge.RequestID(c)))
	edge.WriteJSON(c, http.StatusOK, bodyOf(pace))
}
