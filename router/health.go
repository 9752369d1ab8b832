package router

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/router/edge"
	"github.com/cellway/cellway/router/route"
)

type healthBody struct {
	Status     string    `json:"status"`
	Service    string    `json:"service"`
	Epoch      uint64    `json:"epoch"`
	AgeSeconds float64   `json:"age_seconds"`
	Source     string    `json:"source"`
	Map        healthMap `json:"map"`
}

type healthMap struct {
	Epoch      uint64  `json:"epoch"`
	AgeSeconds float64 `json:"age_seconds"`
	Source     string  `json:"source"`
}

// health says whether this router routes, and by what.
func (p *public) health(c *gin.Context) {
	t := p.engine.view.Table()
	age, ok := p.engine.view.Age()
	switch {
	case p.stopping.Load():
		unhealthy(c, "stopping", "the router is stopping")
	case !ok:
		unhealthy(c, "starting", route.NoMap().Details)
	default:
		m := healthMap{Epoch: uint64(t.Map().Epoch()), AgeSeconds: age.Round(time.Millisecond).Seconds(), Source: string(t.Source())}
		edge.WriteJSON(c, http.StatusOK, healthBody{"healthy", "cell-router", m.Epoch, m.AgeSeconds, m.Source, m})
	}
}

func unhealthy(c *gin.Context, status, why string) {
	c.Header("Retry-After", "1")
	edge.WriteJSON(c, http.StatusServiceUnavailable, struct {
		Status  string `json:"status"`
		Service string `json:"service"`
		Error   string `json:"error"`
	}{status, "cell-router", why})
}
