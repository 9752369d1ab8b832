package customers

import (
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is what the application needs from whoever starts it.
type Config struct {
	// Pool reaches the database. Its role's search_path names the schema that holds the table customers. Required.
	Pool *pgxpool.Pool
	// CellID is an opaque text, put into answers as cell_id. Required.
	CellID string
	// Logger takes what clients are not told. Default: discard.
	Logger *slog.Logger
	// MaxBody is the longest request body, in bytes. Default: 1 MiB.
	MaxBody int64
	// Timeout bounds the work on one request up to its COMMIT, waiting for a connection included, and then
	// the COMMIT again. Default: 5 s.
	Timeout time.Duration
	// RetryAfter is what a 503 tells the client to wait, rounded up to whole seconds. Default: 1 s.
	RetryAfter time.Duration
}

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Pool == nil:
		return errors.New("customers: Pool is required")
	case c.CellID == "":
		return errors.New("customers: CellID is required")
	case c.MaxBody < 0:
		return errors.New("customers: MaxBody is negative")
	case c.Timeout < 0:
		return errors.New("customers: Timeout is negative")
	case c.RetryAfter < 0:
		return errors.New("customers: RetryAfter is negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.RetryAfter == 0 {
		c.RetryAfter = time.Second
	}
	return c
}
