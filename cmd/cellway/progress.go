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
// the rebalance. The error is a [held] if somebody has cancelled it: then nothing more will move.
func watchRebalance(ctx context.Context, c *adminClient, out io.Writer, title string, done func(context.Context) (bool, error)) error {
	show := newProgress(out, title)
	defer show.close()
	var hold holdWatch
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		var r rebalanceReply
		if err := c.call(ctx, http.MethodGet, "/admin/rebalance", &r); err != nil {
			return err
		}
		hold.begin(r, time.Now())
		if !r.Running {
			ok, err := done(ctx)
			if err == nil {
				err = hold.look(r, ok, time.Now())
			}
			if err != nil || ok {
				return err
			}
		}
		show.update(r)
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped watching; what was asked for goes on (make status shows it): %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// heldFor is how long nothing may move, because somebody wants it so, before that is taken for the answer: an order that
// ends an earlier hold takes a moment to be seen.
const heldFor = 3 * time.Second

// held is the error of whoever watches a rebalance that somebody has cancelled.
type held struct{ by wordInfo }

func (e held) Error() string {
	return fmt.Sprintf("%s has cancelled moves at %s: what has not moved stays where it is; cellway rebalance takes it up again",
		e.by.Who, e.by.Since.Local().Format(time.TimeOnly))
}

// holdWatch finds out whether somebody has cancelled what is watched.
type holdWatch struct {
	looked bool
	first  wordInfo  // the hold that was there at the first look, zero if none: an earlier one, or what was asked for itself
	since  time.Time // since when nothing but that hold was seen
}

// begin takes in every answer before it is looked at.
func (w *holdWatch) begin(r rebalanceReply, now time.Time) {
	if !w.looked {
		w.looked, w.first, w.since = true, holder(r), now
	}
	if r.Running {
		w.since = now
	}
}

func holder(r rebalanceReply) wordInfo {
	if r.Held == nil {
		return wordInfo{}
	}
	return *r.Held
}

// look takes in an answer that says that nothing runs; settled says that what was asked for is so.
func (w *holdWatch) look(r rebalanceReply, settled bool, now time.Time) error {
	by := holder(r)
	switch {
	case by == wordInfo{}:
		w.since = now
		return nil
	case by.Who != w.first.Who, !by.Since.Equal(w.first.Since), !settled && now.Sub(w.since) > heldFor:
		return held{by}
	}
	return nil
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
		if !r.Running {
			return
		}
		p.bar.SetTotal(int64(r.Total), false)
		p.bar.SetCurrent(int64(r.Done))
		return
	}
	if changed || time.Since(p.said) >= progressLine {
		p.said = time.Now()
		fmt.Fprintf(p.out, "%s: %s\n", p.title, p.line())
	}
}

// line is the progress in words. While nothing runs the figures are those of an earlier rebalance.
func (p *progress) line() string {
	if !p.last.Running {
		return "waiting for it to begin"
	}
	return fmt.Sprintf("%d of %d partitions%s", p.last.Done, p.last.Total, p.rest())
}

func (p *progress) rest() string {
	if !p.last.Running {
		return ""
	}
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
