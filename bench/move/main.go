// Command move measures moves on a whole system of this machine, beside a limit that is measured in the same run:
//
//	rate    customers moved per second, verified, 1,000 to a partition; beside COPY piped into COPY of the same rows
//	pauses  what an open-loop client at a constant rate sees while a cell joins: of those who move and of those who stay;
//	        beside what these see at rest, and while raw COPYs run
//
// It starts and stops a system of its own (`cellway dev`), on free ports. A run that is too weak to say anything says so
// and fails. `make bench-move` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cellway/cellway/internal/systemtest"
)

// limit is how long one part may take.
const limit = 20 * time.Minute

// settings are what the command line says.
type settings struct {
	binary   string
	parallel int // moves at once; 0: as the system has it
	perPart  int // customers a partition, in rate
	writes   int // a second, in pauses; beside them half as many reads
}

func main() {
	var s settings
	flag.StringVar(&s.binary, "cellway", "bin/cellway", "the program to measure")
	flag.IntVar(&s.parallel, "parallel", 0, "moves at once; 0: the default")
	flag.IntVar(&s.perPart, "customers", 1000, "rate: customers in a partition")
	flag.IntVar(&s.writes, "writes", 500, "pauses: writes a second, and half as many reads")
	part := flag.String("part", "all", "rate, pauses or all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, s, *part, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-move: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, part string, out io.Writer) error {
	if s.writes < 2 {
		return fmt.Errorf("-writes %d: a client needs 2 or more a second to measure anything", s.writes)
	}
	parts := map[string]func(context.Context, settings, io.Writer) error{"rate": rate, "pauses": pauses}
	order := []string{"rate", "pauses"}
	if part != "all" {
		order = []string{part}
	}
	for _, name := range order {
		do, ok := parts[name]
		if !ok {
			return fmt.Errorf("part %q: use rate, pauses or all", name)
		}
		if err := measured(ctx, s, out, do); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func measured(ctx context.Context, s settings, out io.Writer, do func(context.Context, settings, io.Writer) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx, s, out)
}

// bench is a system to be measured.
type bench struct {
	*systemtest.System
	partitions int
}

// with runs fn on a new system, and stops it.
func with(ctx context.Context, s settings, partitions int, fn func(b *bench) error) (err error) {
	binary, err := filepath.Abs(s.binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cellway-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres may run as another user
		return err
	}
	sys, err := systemtest.NewSystem(binary, dir, "CELLWAY_PARTITIONS="+strconv.Itoa(partitions))
	if err != nil {
		return err
	}
	b := &bench{sys, partitions}
	if err := sys.Start(ctx); err != nil {
		return fmt.Errorf("start the system: %w\n%s", err, sys.Output())
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, sys.Stop(ending))
	}()
	if s.parallel > 0 {
		n := strconv.Itoa(s.parallel)
		if _, err := sys.Run(ctx, "tune", "--parallel", n, "--per-source", n, "--per-target", n); err != nil {
			return err
		}
	}
	return fn(b)
}
