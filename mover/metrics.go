package mover

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	leading prometheus.Gauge
	moves   *prometheus.CounterVec
	rows    prometheus.Counter
	pause   prometheus.Histogram

	differences prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		leading: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cellway_mover_leading", Help: "1 while this process leads, else 0.",
		}),
		moves: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cellway_moves_total", Help: "Moves that have ended under this leader, by result: done or undone.",
		}, []string{"result"}),
		rows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cellway_move_rows_total", Help: "Rows moved from cell to cell under this leader.",
		}),
		pause: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "cellway_move_pause_seconds", Help: "From the closing of a source's gates for writes to the target's opening.",
			Buckets: []float64{.005, .01, .025, .05, .1, .2, .35, .5, 1, 2, 5},
		}),
	}
	m.differences = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cellway_move_differences_total", Help: "Moves whose sides differed after the hand-over: their sources are not swept. An alarm.",
	})
	for _, result := range []string{"done", "undone"} {
		m.moves.WithLabelValues(result) // so that it is there, as 0, from the beginning
	}
	var errs error
	for _, c := range []prometheus.Collector{m.leading, m.moves, m.rows, m.pause, m.differences} {
		errs = errors.Join(errs, reg.Register(c))
	}
	if errs != nil {
		return nil, fmt.Errorf("register mover's metrics: %w", errs)
	}
	return m, nil
}
