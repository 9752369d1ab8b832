package router

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/router/route"
)

// metrics is what the router counts. No label ever holds a customer's ID or a path.
type metrics struct {
	requests *prometheus.CounterVec   // by cell and status class
	seconds  *prometheus.HistogramVec // by class of method
	holds    *prometheus.CounterVec   // by reason
	held     prometheus.Gauge
	attempts *prometheus.CounterVec // by outcome
	refused  *prometheus.CounterVec // by code
	opened   *prometheus.CounterVec // by cell
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cellway_router_requests_total", Help: "Requests answered, by the cell that was asked last and the class of the status.",
		}, []string{"cell", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cellway_router_request_seconds", Help: "From a request's head to its answer, holding included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"kind"}),
		holds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cellway_router_holds_total", Help: "Pauses of requests whose partition moves, by what the cell said.",
		}, []string{"reason"}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{Name: "cellway_router_held_requests", Help: "Requests being held now."}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cellway_router_attempts_total", Help: "Tries at an instance, by what they gave; more than requests: retries.",
		}, []string{"outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cellway_router_refusals_total", Help: "Answers that the router gave by itself, by code.",
		}, []string{"code"}),
		opened: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cellway_router_breaker_opened_total", Help: "Circuit breakers of instances that opened, by cell.",
		}, []string{"cell"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.holds, m.held, m.attempts, m.refused, m.opened} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// registerView adds what the view tells about itself.
func registerView(r prometheus.Registerer, table func() *route.Table, age func() (time.Duration, bool)) error {
	gauges := map[string]struct {
		help string
		read func() float64
	}{
		"cellway_router_map_epoch": {"Epoch of the map in use; 0: none.", func() float64 {
			if m := table().Map(); m != nil {
				return float64(m.Epoch())
			}
			return 0
		}},
		"cellway_router_map_age_seconds": {"Since the registry last confirmed the map in use; -1: there is none.", func() float64 {
			if d, ok := age(); ok {
				return d.Seconds()
			}
			return -1
		}},
		"cellway_router_map_live": {"1: the map in use came from the registry, 0: from disk, or there is none.", func() float64 {
			if table().Source() == route.SourceLive {
				return 1
			}
			return 0
		}},
		"cellway_router_learned_owners": {"Partitions whose owner cells have named and the map does not have yet.", func() float64 {
			return float64(table().Overrides())
		}},
	}
	for name, g := range gauges {
		if err := r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: g.help}, g.read)); err != nil {
			return err
		}
	}
	return nil
}

func (m *metrics) answered(cell string, status int, write bool, took time.Duration) {
	kind := "read"
	if write {
		kind = "write"
	}
	m.requests.WithLabelValues(cell, strconv.Itoa(status/100)+"xx").Inc()
	m.seconds.WithLabelValues(kind).Observe(took.Seconds())
}
