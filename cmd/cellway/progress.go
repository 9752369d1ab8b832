package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

const (
	progressEvery = 250 * time.Millisecond
	progressLine  = 2 * time.Second // between two lines where there is no terminal
)

// watchRebalance shows the running rebalance until it has ended and done says that what was asked for is so.
// It has no limit of its own: a rebalance may rightly wait for a sick cell, and says so; Ctrl-C ends the watching, not
// the rebalance.
func watchRebalance(ctx context.Context, c *adminClient, out io.Writer, title string, done func(context.Context) (bool, error)) error {
	show := newProgress(out, title)
	defer show.close()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		var r rebalanceReply
		if err := c.call(ctx, http.MethodGet, "/admin/rebalance", &r); err != nil {
			return err
		}
		show.update(r)
		if !r.Running {
			ok, err := done(ctx)
			if err != nil || ok {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped watching; the rebalance goes on: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// progress is a bar on a terminal and a line now and then elsewhere.
type progress struct {
	out   io.Writer
	title string
	last  rebalanceReply
	said  time.Time
	bars  *mpb.Progress
	bar   *mpb.Bar
}

func newProgress(out io.Writer, title string) *progress {
	p := &progress{out: out, title: title}
	if f, ok := out.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(50))
	p.bar = p.bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(title+" "), decor.CountersNoUnit("%d/%d partitions")),
		mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string { return p.rest() })))
	return p
}

func (p *progress) update(r rebalanceReply) {
	changed := r.Running != p.last.Running || r.Problem != p.last.Problem
	p.last = r
	if p.bar != nil {
		p.bar.SetTotal(int64(r.Total), false)
		p.bar.SetCurrent(int64(r.Done))
		return
	}
	if changed || time.Since(p.said) >= progressLine {
		p.said = time.Now()
		fmt.Fprintf(p.out, "%s: %d of %d partitions%s\n", p.title, r.Done, r.Total, p.rest())
	}
}

func (p *progress) rest() string {
	s := fmt.Sprintf(", %.0f rows/s", p.last.RowsPerSecond)
	if p.last.Running && p.last.ETASeconds != nil {
		s += fmt.Sprintf(", %.0f s left", *p.last.ETASeconds)
	}
	if p.last.Problem != "" {
		s += ", waiting: " + p.last.Problem
	}
	return s
}

func (p *progress) close() {
	if p.bar != nil {
		p.bar.Abort(false)
		p.bars.Wait()
	}
}
