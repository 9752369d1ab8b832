package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// demo is one run of `cellway demo`.
type demo struct {
	system    system
	admin     *adminClient
	client    *load.Load
	out       io.Writer
	prefix    string // of this run's customers
	cell      string // "": not chosen yet
	customers int
	workers   int
}

// scene is the system at one look.
type scene struct {
	partitions int
	cells      []cellInfo
	moves      []moveInfo
}

// run loads, adds the cell under load, and reports. Whatever ends it, it says what stays behind.
func (d *demo) run(ctx context.Context) error {
	before, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	r := report{prefix: d.prefix, cell: d.cell, workers: d.workers}
	began := time.Now()
	if err := d.fill(ctx); err != nil {
		return d.stopped(ctx, "all customers were loaded", err, r.leftovers(d.client.Model, false))
	}
	r.filling = time.Since(began)
	began = time.Now()
	r.seen, err = d.join(ctx)
	if err != nil {
		return d.stopped(ctx, d.cell+" joined", err, r.leftovers(d.client.Model, true))
	}
	r.joining = time.Since(began)
	after, err := d.look(ctx)
	if err != nil {
		return d.stopped(ctx, "the report was made", err, r.leftovers(d.client.Model, true))
	}
	r.customers = countCustomers(d.client.Model)
	r.compare(before, after)
	r.write(d.out)
	return r.verdict()
}

// prepare chooses the cell. The figures are those of one cell's joining, so nothing else may be moving.
func (d *demo) prepare(ctx context.Context) (scene, error) {
	s, err := d.look(ctx)
	if err != nil {
		return s, err
	}
	var running rebalanceReply
	if err := d.admin.call(ctx, http.MethodGet, "/admin/rebalance", &running); err != nil {
		return s, err
	}
	if running.Running {
		return s, errors.New("a rebalance is running: wait until it has ended (make status shows it)")
	}
	if d.cell == "" {
		if d.cell, err = freeName(s.cells); err != nil {
			return s, err
		}
	}
	for _, c := range s.cells {
		if c.ID == d.cell && c.Partitions > 0 {
			return s, fmt.Errorf("%s owns %d partitions already: name another by --cell", c.ID, c.Partitions)
		}
	}
	return s, nil
}

func (d *demo) look(ctx context.Context) (scene, error) {
	var m mapReply
	var cells cellsReply
	var moves movesReply
	if err := d.admin.call(ctx, http.MethodGet, "/admin/map", &m); err != nil {
		return scene{}, err
	}
	if err := d.admin.call(ctx, http.MethodGet, "/admin/cells", &cells); err != nil {
		return scene{}, err
	}
	if err := d.admin.call(ctx, http.MethodGet, allMoves, &moves); err != nil {
		return scene{}, err
	}
	return scene{m.Partitions, cells.Cells, moves.Moves}, nil
}

// fill creates the customers, and says every now and then how far it is.
func (d *demo) fill(ctx context.Context) error {
	fmt.Fprintf(d.out, "loading %d customers named %s-...\n", d.customers, d.prefix)
	done := make(chan error, 1)
	go func() { done <- d.client.Fill(ctx, d.prefix, d.customers, d.workers) }()
	ticker := time.NewTicker(progressLine)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			fmt.Fprintf(d.out, "loading: %d of %d customers\n", d.client.Operations(), d.customers)
		}
	}
}

// join adds the cell while the client writes and reads, and gives what the client saw meanwhile.
func (d *demo) join(ctx context.Context) (load.Stats, error) {
	fmt.Fprintf(d.out, "adding %s while %d workers write and read\n", d.cell, d.workers)
	d.client.Take() // what was seen while loading is not the joining's
	loading, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.client.Run(loading, d.prefix, d.customers, d.workers)
	}()
	err := addCell(ctx, d.system, d.admin, d.out, d.cell, 1)
	stop()
	<-ended
	return d.client.Take(), err
}

// stopped ends a demo that did not come to its report.
func (d *demo) stopped(ctx context.Context, before string, err error, leftovers string) error {
	fmt.Fprintf(d.out, "the demo ended before %s\n%s", before, leftovers)
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	return err
}

// freeName is the first of cell-d, cell-e, ... that no cell has.
func freeName(cells []cellInfo) (string, error) {
	taken := map[string]bool{}
	for _, c := range cells {
		taken[c.ID] = true
	}
	for letter := 'd'; letter <= 'z'; letter++ {
		if name := "cell-" + string(letter); !taken[name] {
			return name, nil
		}
	}
	return "", errors.New("every name from cell-d to cell-z is taken: name the cell by --cell")
}
