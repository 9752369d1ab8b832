package admin

import (
	"bytes"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/router/edge"
	"github.com/cellway/cellway/router/route"
)

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// pageView is what the page shows.
type pageView struct {
	Epoch     uint64
	Source    route.Source
	Age       time.Duration
	Cells     []cellInfo
	Rebalance progress
	Problem   string
}

// page is for people: cells and progress, drawn anew every two seconds.
func (a *api) page(c *gin.Context) {
	t := a.cfg.View.Table()
	v := pageView{Source: t.Source()}
	if age, ok := a.cfg.View.Age(); ok {
		v.Epoch, v.Age = uint64(t.Map().Epoch()), age.Round(time.Second)
	}
	w, err := a.look(c.Request.Context())
	if err != nil {
		v.Problem = err.Error()
	} else {
		v.Cells, v.Rebalance = w.cellInfos(), w.progress(time.Now())
		a.countCustomers(c.Request.Context(), v.Cells)
	}
	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, v); err != nil {
		a.cfg.Logger.Error("page not drawn", slog.Any("error", err))
		edge.Refuse(c, edge.Problem{Status: http.StatusInternalServerError, Error: "Internal error", Code: edge.CodeInternal})
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Referrer-Policy", "no-referrer")
	edge.Write(c, http.StatusOK, "text/html; charset=utf-8", buf.Bytes())
}
