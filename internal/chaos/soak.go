package chaos

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cellway/cellway/internal/load"
	"github.com/cellway/cellway/internal/systemtest"
)

// Config says what to run.
type Config struct {
	Binary string        // cellway, built
	Dir    string        // where the system keeps its state, and what a BAD run leaves
	Seed   uint64        // of faults and movements
	Length time.Duration // no round begins that would probably end later; one is always run
	Out    io.Writer     // a line for each fault and phase
}

// What the system and its client are like.
const (
	partitions = 256
	people     = 400
	workers    = 8
	perSecond  = 300
	prefix     = "chaos"
	patience   = 2 * time.Minute // for everything to be right again, and for moves to end
)

// soak is one run.
type soak struct {
	cfg    Config
	sys    *systemtest.System
	record *load.Tape
	client *load.Load
	model  *load.Model
	report *Report
	seen   map[string]bool // moves that are in the report
}

// Run soaks a system of its own and reports. What goes wrong is in the report.
func Run(ctx context.Context, cfg Config) *Report {
	s := &soak{cfg: cfg, model: load.NewModel(), record: load.NewTape(perSecond), report: newReport(cfg.Seed), seen: map[string]bool{}}
	began := time.Now()
	if err := s.run(ctx); err != nil {
		s.report.Broken = append(s.report.Broken, err.Error())
	}
	s.report.Took = time.Since(began)
	if len(s.report.Verdict()) > 0 {
		s.keep()
	}
	return s.report
}

func (s *soak) run(ctx context.Context) (err error) {
	if s.sys, err = systemtest.NewSystem(s.cfg.Binary, s.cfg.Dir, fmt.Sprintf("CELLWAY_PARTITIONS=%d", partitions)); err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, 10*time.Minute) // Consul may have to be built
	defer cancel()
	if err := s.sys.Start(starting); err != nil {
		return fmt.Errorf("start the system: %w", err)
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if stopped := s.sys.Stop(stopping); stopped != nil && err == nil {
			err = fmt.Errorf("stop the system: %w", stopped)
		}
	}()
	e, err := s.sys.Endpoints()
	if err != nil {
		return err
	}
	s.client = load.New(e.Router, s.model)
	s.client.Client.Transport = s.record
	if err := s.client.Fill(starting, prefix, people, workers); err != nil {
		return err
	}
	s.client.Take()
	return s.rounds(ctx)
}

func (s *soak) rounds(ctx context.Context) error {
	const most = 1000
	began := time.Now()
	for i, round := range Plan(s.cfg.Seed, most) {
		elapsed := time.Since(began)
		if i > 0 && elapsed+elapsed/time.Duration(i) > s.cfg.Length {
			break
		}
		s.say("round %d, with faults", i+1)
		if err := s.phase(ctx, &s.report.Faulty, s.drainAndFill, func(ctx context.Context) error { return s.strikeAll(ctx, round.Faults) }); err != nil {
			return fmt.Errorf("round %d, with faults: %w", i+1, err)
		}
		s.say("round %d, without", i+1)
		if err := s.phase(ctx, &s.report.Calm, s.joinAndLeave, func(ctx context.Context) error { return rest(ctx, round.Calm) }); err != nil {
			return fmt.Errorf("round %d, without faults: %w", i+1, err)
		}
		s.report.Rounds++
		if len(s.report.Illegal)+len(s.report.Wrong) > 0 {
			return nil // what follows would only blur it
		}
	}
	for _, states := range s.model.States() {
		if len(states) > 1 {
			s.report.Unknown++
		}
	}
	return nil
}

// phase lets the client work and cells be moved about while what makes the phase goes on; then all is put right,
// comes to rest, and is checked.
func (s *soak) phase(ctx context.Context, p *Phases, move movement, what func(context.Context) error) error {
	working, stopWork := context.WithCancel(ctx)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		s.client.Run(working, prefix, people, workers)
	}()
	enough := make(chan struct{})
	moved := make(chan error, 1)
	go func() { moved <- s.keepMoving(ctx, move, enough) }()
	err := what(ctx)
	close(enough)
	if moving := <-moved; err == nil {
		err = moving
	}
	if err == nil {
		err = s.settle(ctx)
	}
	stopWork()
	<-worked
	s.report.take(p, s.client.Take())
	if err != nil {
		return err
	}
	return s.check(ctx, p)
}

// keep saves what is needed to understand a BAD run.
func (s *soak) keep() {
	for name, raw := range map[string][]byte{"history.jsonl": s.record.Take(), "system.log": []byte(s.sys.Output())} {
		if err := os.WriteFile(filepath.Join(s.cfg.Dir, name), raw, 0o600); err != nil {
			s.say("%v", err)
		}
	}
	s.say("kept in %s", s.cfg.Dir)
}

func (s *soak) say(format string, args ...any) {
	fmt.Fprintf(s.cfg.Out, time.Now().UTC().Format("15:04:05 ")+format+"\n", args...)
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
