package cell

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// ErrConfig: a field of [Config] cannot be; the message names it.
var ErrConfig = errors.New("invalid cell configuration")

// Config is what an instance of a cell needs and may be told. Durations and numbers left at 0 take their default.
type Config struct {
	Cell     string // required: the cell's name
	Instance string // unique among running processes; default: the cell's name and a random suffix

	Listen            string // required: host:port of the application behind the gate; port 0 takes any
	InternalListen    string // required: host:port for the mover and other cells
	Advertise         string // host:port where routers reach Listen; default: what it is bound to
	InternalAdvertise string // host:port where mover and cells reach InternalListen; default: what it is bound to
	InternalToken     string // required: the internal listeners' credential, the same in the whole cluster

	PlatformURL string // required: the cell's database, as the owner of the schema
	AppURL      string // required: the cell's database, as the application's role
	Schema      string // default: placement.SchemaName(Cell)
	Partitions  int    // the partition count that the cluster must have; default: the cluster's own, or 4096 for a new one
	Weight      int    // the cell's capacity relative to the others; default 1
	Version     string // of the binary, for people; default "unknown"

	Registry   registry.Registry // required
	Migrations fs.FS             // of the application, at the root; default: none
	CountTable string            // the tracked table whose rows are the customers of /metrics; default "customers"
	// Key finds a request's key, see gate.Config.Key. Required.
	Key func(r *http.Request) (key string, ok bool, err error)
	// Keyless says which requests without a key may pass to the application. Default: every one.
	Keyless func(r *http.Request) bool
	// App builds the application. It is called once, when the schema is up to date. Required.
	App func(AppDeps) (http.Handler, error)

	LeaseTTL       time.Duration // how long a lease lasts; default 5 s
	LeaseEvery     time.Duration // how often it is renewed, at most a third of LeaseTTL; default 1 s
	ReleaseEvery   time.Duration // how often overdue fences are looked for; default 50 ms
	ReloadEvery    time.Duration // how often all states are read again; default 5 s
	OrderTimeout   time.Duration // what another instance's answer may take beyond what it is asked to wait; default 500 ms
	ReadsTimeout   time.Duration // how long one sweep command waits for reads from before the hand-over; default 3 s
	RequestTimeout time.Duration // the longest that the application may work on a request, its body included; default 10 s
	Grace          time.Duration // at the stop: from the deregistration to the refusal of requests, and from there to the closing of connections; default 200 ms
	DrainTimeout   time.Duration // at the stop: how long requests in flight may take to end; default 10 s

	PlatformConns int // connections for moves; default 12. 4 more serve lease and states.
	AppConns      int // connections of the application; default 16

	Logger  *slog.Logger         // default: logs nothing
	Metrics *prometheus.Registry // what /metrics shows to a scraper; default: a new one
}

// AppDeps is what the application is built from.
type AppDeps struct {
	Pool   *pgxpool.Pool // logs in as the application's role
	CellID string        // the cell's name
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Instance = cmp.Or(c.Instance, c.Cell+"-"+randomSuffix())
	c.Schema = cmp.Or(c.Schema, placement.SchemaName(c.Cell))
	c.Weight = cmp.Or(c.Weight, 1)
	c.Version = cmp.Or(c.Version, "unknown")
	c.CountTable = cmp.Or(c.CountTable, "customers")
	c.LeaseTTL = cmp.Or(c.LeaseTTL, 5*time.Second)
	c.LeaseEvery = cmp.Or(c.LeaseEvery, time.Second)
	c.ReleaseEvery = cmp.Or(c.ReleaseEvery, 50*time.Millisecond)
	c.ReloadEvery = cmp.Or(c.ReloadEvery, 5*time.Second)
	c.OrderTimeout = cmp.Or(c.OrderTimeout, 500*time.Millisecond)
	c.ReadsTimeout = cmp.Or(c.ReadsTimeout, 3*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 10*time.Second)
	c.Grace = cmp.Or(c.Grace, 200*time.Millisecond)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 10*time.Second)
	c.PlatformConns = cmp.Or(c.PlatformConns, 12)
	c.AppConns = cmp.Or(c.AppConns, 16)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

// Validate names the first field that cannot be.
func (c Config) Validate() error {
	if err := placement.ValidateCellName(c.Cell); err != nil {
		return fmt.Errorf("%w: Cell: %w", ErrConfig, err)
	}
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"Listen", c.Listen == ""},
		{"InternalListen", c.InternalListen == ""},
		{"InternalToken", c.InternalToken == ""},
		{"PlatformURL", c.PlatformURL == ""},
		{"AppURL", c.AppURL == ""},
		{"Registry", c.Registry == nil},
		{"Key", c.Key == nil},
		{"App", c.App == nil},
	} {
		if f.missing {
			return fmt.Errorf("%w: %s is missing", ErrConfig, f.name)
		}
	}
	return c.validateNumbers()
}

func (c Config) validateNumbers() error {
	if c.Partitions != 0 {
		if err := placement.ValidatePartitionCount(c.Partitions); err != nil {
			return fmt.Errorf("%w: Partitions: %w", ErrConfig, err)
		}
	}
	if c.Weight > placement.MaxWeight {
		return fmt.Errorf("%w: Weight is above %d", ErrConfig, placement.MaxWeight)
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Weight", int64(c.Weight)},
		{"LeaseTTL", int64(c.LeaseTTL)},
		{"LeaseEvery", int64(c.LeaseEvery)},
		{"ReleaseEvery", int64(c.ReleaseEvery)},
		{"ReloadEvery", int64(c.ReloadEvery)},
		{"OrderTimeout", int64(c.OrderTimeout)},
		{"ReadsTimeout", int64(c.ReadsTimeout)},
		{"RequestTimeout", int64(c.RequestTimeout)},
		{"Grace", int64(c.Grace)},
		{"DrainTimeout", int64(c.DrainTimeout)},
		{"PlatformConns", int64(c.PlatformConns)},
		{"AppConns", int64(c.AppConns)},
	} {
		if f.value < 0 {
			return fmt.Errorf("%w: %s is negative", ErrConfig, f.name)
		}
	}
	if d := c.withDefaults(); d.LeaseEvery > d.LeaseTTL/3 {
		return fmt.Errorf("%w: LeaseEvery %v is more than a third of LeaseTTL %v", ErrConfig, d.LeaseEvery, d.LeaseTTL)
	}
	return nil
}

func randomSuffix() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
