package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

const ratePartitions = 256 // a join moves 64

// rate moves partitions of many customers, with nobody else at work.
func rate(ctx context.Context, s settings, out io.Writer) error {
	return with(ctx, s, ratePartitions, func(b *bench) error {
		conn, err := b.connect(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		fmt.Fprintf(out, "rate: creating %d customers in %d partitions\n", s.perPart*ratePartitions, ratePartitions)
		if err := b.fill(ctx, conn, s.perPart*ratePartitions); err != nil {
			return err
		}
		before, err := b.cpu()
		if err != nil {
			return err
		}
		moves, err := b.join(ctx)
		if err != nil {
			return err
		}
		after, err := b.cpu()
		if err != nil {
			return err
		}
		rows, took := span(moves)
		if rows < int64(s.perPart*len(moves))/2 {
			return fmt.Errorf("too weak: %d rows in %d moves", rows, len(moves))
		}
		most, err := b.copyLimit(ctx, conn, int(rows))
		if err != nil {
			return err
		}
		moved := float64(rows) / took.Seconds()
		fmt.Fprintf(out, "  moved, copied, compared twice  %d customers in %d moves, %.1f s: %.0f a second\n", rows, len(moves), took.Seconds(), moved)
		fmt.Fprintf(out, "  limit: COPY piped into COPY    %.0f a second (the same rows and indexes, the best of three, nothing compared)\n", most)
		fmt.Fprintf(out, "  share of the limit             %.2f\n", moved/most)
		for _, name := range []string{"postgres", "cells", "movers", "router", "consul"} {
			fmt.Fprintf(out, "  processor time, %-10s     %.1f ms a move\n", name, (after[name]-before[name]).Seconds()*1000/float64(len(moves)))
		}
		return nil
	})
}

// span is what was moved between the first move's beginning and the last one's end.
func span(moves []move) (rows int64, took time.Duration) {
	first, last := moves[0].CreatedAt, moves[0].EndedAt
	for _, mv := range moves {
		rows += mv.Rows
		if mv.CreatedAt.Before(first) {
			first = mv.CreatedAt
		}
		if mv.EndedAt.After(last) {
			last = mv.EndedAt
		}
	}
	return rows, last.Sub(first)
}

// copyLimit is the best of three raw copies of so many customers into an empty table of the same shape, in rows a second.
func (b *bench) copyLimit(ctx context.Context, from *pgx.Conn, rows int) (float64, error) {
	to, err := b.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = to.Close(ctx) }()
	best := 0.0
	for range 3 {
		rate, err := copyOnce(ctx, from, to, rows)
		if err != nil {
			return 0, err
		}
		best = max(best, rate)
	}
	return best, nil
}

// copyOnce copies so many customers into an empty table of the same shape, in rows a second.
func copyOnce(ctx context.Context, from, to *pgx.Conn, rows int) (float64, error) {
	if _, err := to.Exec(ctx, `DROP TABLE IF EXISTS bench_copy; CREATE TABLE bench_copy (LIKE cell_a.customers INCLUDING ALL)`, pgx.QueryExecModeSimpleProtocol); err != nil {
		return 0, err
	}
	began := time.Now()
	n, err := pipe(ctx, from, to, fmt.Sprintf(`COPY (SELECT * FROM cell_a.customers UNION ALL SELECT * FROM cell_b.customers LIMIT %d) TO STDOUT`, rows), `COPY bench_copy FROM STDIN`)
	if err != nil {
		return 0, err
	}
	if n != int64(rows) {
		return 0, fmt.Errorf("too weak: %d rows were copied, not %d", n, rows)
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// copyFor copies a quarter of the customers again and again, for about so long: what a join copies, without a move.
func (b *bench) copyFor(ctx context.Context, from *pgx.Conn, rows int, d time.Duration) error {
	to, err := b.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close(ctx) }()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if _, err := copyOnce(ctx, from, to, rows); err != nil {
			return err
		}
	}
	return nil
}

func pipe(ctx context.Context, from, to *pgx.Conn, read, write string) (int64, error) {
	r, w := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		_, err := from.PgConn().CopyTo(ctx, w, read)
		failed <- err
		_ = w.CloseWithError(err) // it never fails
	}()
	tag, err := to.PgConn().CopyFrom(ctx, r, write)
	_ = r.Close() // ends the reader where the writer failed; it never fails
	if other := <-failed; other != nil && err == nil {
		err = other
	}
	return tag.RowsAffected(), err
}
