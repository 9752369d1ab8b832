package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cellway/cellway/placement"
)

const (
	pausePartitions = 4096 // a join moves 1,024
	pauseCustomers  = 20_000
	warmFor         = 15 * time.Second // connections, sessions and plans are made: not measured
	restFor         = 20 * time.Second // how long the client is measured before anything moves
	reached         = 0.9              // of the rate: with less, the run says nothing
)

// pauses lets a cell join under a constant rate of requests.
func pauses(ctx context.Context, s settings, out io.Writer) error {
	return with(ctx, s, pausePartitions, func(b *bench) error {
		conn, err := b.connect(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		fmt.Fprintf(out, "pauses: creating %d customers in %d partitions\n", pauseCustomers, pausePartitions)
		if err := b.fill(ctx, conn, pauseCustomers); err != nil {
			return err
		}
		e, err := b.Endpoints()
		if err != nil {
			return err
		}
		moving := newFollower(b.Admin, pauseCustomers, pausePartitions)
		c := newClient(e.Router, s.writes*3/2, pauseCustomers, pausePartitions, moving)
		sending, stop := context.WithCancel(ctx)
		defer stop()
		ended := make(chan error, 1)
		go moving.run(sending)
		go func() { ended <- c.run(sending) }()
		fmt.Fprintf(out, "  %d writes and %d reads a second: at rest, beside raw COPYs of as many rows as will move, and while a cell joins\n", s.writes, s.writes/2)
		rest(ctx, warmFor)
		c.take()
		rest(ctx, restFor)
		w := watched{before: c.take()}
		if err := b.copyFor(ctx, conn, pauseCustomers/4, restFor); err != nil {
			return err
		}
		w.beside = c.take()
		began := time.Now()
		moves, joined := b.join(ctx)
		w.during, w.lasted = c.take(), time.Since(began)
		stop()
		if err := errors.Join(joined, <-ended); err != nil {
			return err
		}
		return report(out, s.writes*3/2, moves, w)
	})
}

// rest lets the client work.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// watched is what the client has seen.
type watched struct {
	before []sample      // with nothing else at work
	beside []sample      // while raw COPYs ran, one after the other
	during []sample      // the join
	lasted time.Duration // the join, by the clock: the times at which requests were due keep to the rate however few were sent
}

// report tells what was measured.
func report(out io.Writer, perSecond int, moves []move, w watched) error {
	during := w.during
	_, took := span(moves)
	moving := map[placement.Partition]move{}
	var recorded []float64
	for _, mv := range moves {
		moving[placement.Partition(mv.Partition)] = mv
		recorded = append(recorded, mv.PauseMS)
	}
	paused := seen(moving, during)
	fmt.Fprintf(out, "  %d moves in %.1f s; %s\n", len(moves), took.Seconds(), errorsIn(during))
	fmt.Fprintf(out, "  pause, as recorded                   %s\n", distribution(recorded))
	fmt.Fprintf(out, "  pause, as clients saw it             %s  (of each move, the longest write to its partition while it lasted; every other write goes to those who move)\n", distribution(paused))
	stays := func(s sample) bool { _, moves := moving[s.partition]; return !moves }
	for _, kind := range []struct {
		name  string
		write bool
	}{{"writes", true}, {"reads", false}} {
		pick := func(list []sample) []float64 {
			return millis(list, func(s sample) bool { return s.write == kind.write && stays(s) })
		}
		fmt.Fprintf(out, "  %s of those who stay, at rest     %s\n", kind.name, distribution(pick(w.before)))
		fmt.Fprintf(out, "  %s of those who stay, beside COPY %s\n", kind.name, distribution(pick(w.beside)))
		fmt.Fprintf(out, "  %s of those who stay, in the join %s\n", kind.name, distribution(pick(during)))
	}
	good := millis(during, func(s sample) bool { return s.failed == "" })
	if rate := float64(len(good)) / w.lasted.Seconds(); rate < reached*float64(perSecond) {
		return fmt.Errorf("too weak: %.0f requests a second were answered with 200, not %d", rate, perSecond)
	}
	if met := len(paused); len(moves) < 1000 || met < len(moves)*9/10 {
		return fmt.Errorf("too weak: %d moves, of which writes met %d", len(moves), met)
	}
	return nil
}

// seen is, for each move, the longest that a write to its partition took which was due while the move lasted. A move
// that no write met is left out.
func seen(moving map[placement.Partition]move, during []sample) []float64 {
	longest := map[placement.Partition]float64{}
	for _, s := range during {
		mv, moves := moving[s.partition]
		if moves && s.write && s.due.After(mv.CreatedAt) && s.due.Before(mv.EndedAt) {
			longest[s.partition] = max(longest[s.partition], float64(s.took.Microseconds())/1000)
		}
	}
	var list []float64
	for _, ms := range longest {
		list = append(list, ms)
	}
	return list
}

func millis(list []sample, want func(sample) bool) []float64 {
	var ms []float64
	for _, s := range list {
		if want(s) {
			ms = append(ms, float64(s.took.Microseconds())/1000)
		}
	}
	return ms
}

// distribution is for people, in milliseconds.
func distribution(ms []float64) string {
	if len(ms) == 0 {
		return "none"
	}
	slices.Sort(ms)
	at := func(share float64) float64 { return ms[min(len(ms)-1, int(share*float64(len(ms))))] }
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, max %.1f ms, of %d", at(0.5), at(0.99), ms[len(ms)-1], len(ms))
}

func errorsIn(list []sample) string {
	failed := map[string]int{}
	for _, s := range list {
		if s.failed != "" {
			failed[s.failed]++
		}
	}
	return fmt.Sprintf("%d requests, failed: %v", len(list), failed)
}
