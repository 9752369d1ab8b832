package router

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/cellway/cellway/router/route"
)

// requestLog writes down what failed or was slow, not too much of it: a cell that is down would fill the disk.
type requestLog struct {
	logger  *slog.Logger
	slow    time.Duration
	limit   *rate.Limiter
	skipped atomic.Int64
}

func newRequestLog(logger *slog.Logger, slow time.Duration) *requestLog {
	return &requestLog{logger: logger, slow: slow, limit: rate.NewLimiter(20, 50)}
}

// request is told of every request; it never writes who the customer is.
func (l *requestLog) request(ctx context.Context, id, method string, status int, took time.Duration, res result) {
	if status < 500 && took < l.slow {
		return
	}
	if !l.limit.Allow() {
		l.skipped.Add(1)
		return
	}
	level := slog.LevelInfo
	code := ""
	if status >= 500 {
		level = slog.LevelWarn
	}
	if res.refusal != nil {
		code = res.refusal.Code
		if code == route.CodeOutcomeUnknown {
			level = slog.LevelError
		}
	}
	l.logger.LogAttrs(ctx, level, "request failed or slow",
		slog.String("request_id", id), slog.String("method", method), slog.Int("status", status), slog.String("code", code),
		slog.String("cell", res.cell), slog.Int("tries", res.tries), slog.Duration("took", took), slog.Any("error", res.err),
		slog.Int64("not_logged", l.skipped.Swap(0)))
}
