package cell

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cellway/cellway/cell/gate"
	"github.com/cellway/cellway/internal/protocol"
)

const (
	metricsPath   = "/metrics"
	countTimeout  = 2 * time.Second
	countRemember = time.Second
)

// metricsBody is the answer of /metrics to whoever is no scraper.
type metricsBody struct {
	CellID        string    `json:"cell_id"`
	CustomerCount int64     `json:"customer_count"`
	Timestamp     time.Time `json:"timestamp"`
}

func (in *instance) serveMetrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(protocol.HeaderCell, in.cfg.Cell)
	if isScraper(r.Header.Values("Accept")) {
		promhttp.HandlerFor(in.cfg.Metrics, promhttp.HandlerOpts{Timeout: countTimeout}).ServeHTTP(w, r)
		return
	}
	n, err := in.count.ask(r.Context(), func(ctx context.Context) (int64, error) {
		return in.keeper.CountOwned(ctx, in.cfg.CountTable)
	})
	if err != nil {
		in.log.DebugContext(r.Context(), "customers not counted", "error", err)
		w.Header().Set("Retry-After", "1")
		writeJSON(w, http.StatusServiceUnavailable, errorBody{"Cell unavailable", "the customers could not be counted"})
		return
	}
	writeJSON(w, http.StatusOK, metricsBody{in.cfg.Cell, n, time.Now().UTC()})
}

// isScraper: the client names a format that only scrapers know.
func isScraper(accept []string) bool {
	all := strings.ReplaceAll(strings.ToLower(strings.Join(accept, ",")), " ", "")
	return strings.Contains(all, "application/openmetrics-text") || strings.Contains(all, "text/plain;version=")
}

// counter counts the customers, at most once at a time, and remembers the answer for a moment.
type counter struct {
	mu  sync.Mutex
	at  time.Time
	n   int64
	err error
}

func (c *counter) ask(ctx context.Context, count func(context.Context) (int64, error)) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < countRemember {
		return c.n, c.err
	}
	// The answer is for all who ask: it does not end with the first of them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTimeout)
	defer cancel()
	c.n, c.err = count(ctx)
	c.at = time.Now()
	return c.n, c.err
}

// register makes the instance's metrics part of the registry.
func (in *instance) register() error {
	in.commands = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cellway_commands_total", Help: "Commands of moves that this instance carried out, by verb and outcome.",
	}, []string{"verb", "outcome"})
	for _, c := range []prometheus.Collector{in.commands, newCollector(in)} {
		if err := in.cfg.Metrics.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

// collector reads what the instance knows anyway, when it is asked.
type collector struct {
	in                                            *instance
	requests, partitions, lease, database, answer *prometheus.Desc
}

func newCollector(in *instance) collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("cellway_"+name, help, labels, nil)
	}
	return collector{
		in:         in,
		requests:   desc("gate_requests_total", "Requests at the gate, by what became of them.", "result"),
		partitions: desc("partitions", "Partitions by the state that the gate knows.", "state"),
		lease:      desc("lease_remaining_seconds", "For how long requests are still admitted."),
		database:   desc("database_up", "1 if the database answered the last ping."),
		answer:     desc("database_ping_seconds", "How long the last ping took."),
	}
}

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for result, n := range c.in.gate.Counts() {
		ch <- prometheus.MustNewConstMetric(c.requests, prometheus.CounterValue, float64(n), gate.Result(result).String())
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	states := c.in.gate.States()
	for _, s := range []protocol.State{
		protocol.StateAbsent, protocol.StateImporting, protocol.StateReady, protocol.StateOwned, protocol.StateFenced, protocol.StateMoved,
	} {
		gauge(c.partitions, float64(states[s]), string(s))
	}
	gauge(c.partitions, float64(states[""]), "unknown")
	gauge(c.lease, c.in.gate.Remaining().Seconds())
	took, err := c.in.probe.ask(context.Background(), c.in.keeper.Ping)
	gauge(c.answer, took.Seconds())
	gauge(c.database, map[bool]float64{true: 1, false: 0}[err == nil])
}
