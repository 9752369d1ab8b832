package main

import "context"

// system is what runs the processes of a system: the place where a cell is started and stopped. What a cell owns is
// not its business; that is asked for at the admin API.
type system interface {
	// AddCell starts one more cell, for this and later runs; it returns when the cell is healthy. dev.ErrExists: it is
	// there already.
	AddCell(ctx context.Context, name string, weight int) error
	// RemoveCell stops a cell and forgets it, for this and later runs.
	RemoveCell(ctx context.Context, name string) error
	// Restart restarts a part of the system and returns when it is ready.
	Restart(ctx context.Context, name string) error
}
