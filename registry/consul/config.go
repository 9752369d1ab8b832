package consul

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"time"
)

// Config says which Consul to use, and how long to trust it. The zero value of every field but Address means its default.
type Config struct {
	// Address of the Consul agent, host:port. Required.
	Address string
	// Token is the ACL token; default: none, or CONSUL_HTTP_TOKEN of the environment.
	Token string
	// Prefix of every key in Consul's KV store; default "cellway".
	Prefix string
	// Service is the name under which instances register; default "cellway-cell". Two clusters on one Consul
	// need a Prefix and a Service each.
	Service string
	// SessionTTL is how long the leader's session outlives its last renewal; default 10 s. Consul refuses
	// less than its own session_ttl_min (10 s by default) and may take up to twice the TTL to notice.
	SessionTTL time.Duration
	// LockDelay is how long nobody may take the lock after a leader's session was invalidated (not after a
	// hand-over); default 1 s.
	LockDelay time.Duration
	// CheckTTL is after how long without a beat a process counts as dead; default 5 s. It beats five times as often.
	CheckTTL time.Duration
	// HTTPInterval is how often Consul asks an instance for /health; default 2 s, Consul's minimum is 1 s.
	HTTPInterval time.Duration
	// DeregisterAfter is after how long a dead process is forgotten; default 72 h, Consul's minimum is 1 min.
	DeregisterAfter time.Duration
	// RequestTimeout bounds every request that does not wait for a change; default 5 s.
	RequestTimeout time.Duration
	// WatchWait is how long a request may wait for a change; default 30 s.
	WatchWait time.Duration
	// Logger hears of what no caller is told; default: nobody.
	Logger *slog.Logger
}

// Consul's own bounds, from its documentation.
const (
	minDeregisterAfter = time.Minute
	maxSessionTTL      = 24 * time.Hour
	maxLockDelay       = time.Minute
	maxWatchWait       = 10 * time.Minute
)

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)

func (c Config) withDefaults() Config {
	setDefault(&c.Prefix, "cellway")
	setDefault(&c.Service, "cellway-cell")
	setDefault(&c.SessionTTL, 10*time.Second)
	setDefault(&c.LockDelay, time.Second)
	setDefault(&c.CheckTTL, 5*time.Second)
	setDefault(&c.HTTPInterval, 2*time.Second)
	setDefault(&c.DeregisterAfter, 72*time.Hour)
	setDefault(&c.RequestTimeout, 5*time.Second)
	setDefault(&c.WatchWait, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate names the field that cannot be. Zero values stand for defaults and are accepted, except in Address.
func (c Config) Validate() error {
	if host, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("address %q is not host:port: %w", c.Address, err)
	} else if host == "" {
		return errors.New("address has no host")
	}
	c = c.withDefaults()
	if !prefixPattern.MatchString(c.Prefix) {
		return fmt.Errorf("prefix %q: want letters, digits, - and _, parts separated by single slashes", c.Prefix)
	}
	if !prefixPattern.MatchString(c.Service) {
		return fmt.Errorf("service %q: want letters, digits, - and _", c.Service)
	}
	for _, d := range []struct {
		field    string
		value    time.Duration
		min, max time.Duration
	}{
		{"session TTL", c.SessionTTL, time.Second, maxSessionTTL},
		{"lock delay", c.LockDelay, time.Millisecond, maxLockDelay},
		{"check TTL", c.CheckTTL, time.Second, time.Hour},
		{"HTTP interval", c.HTTPInterval, time.Second, time.Hour},
		{"deregister after", c.DeregisterAfter, minDeregisterAfter, 10000 * time.Hour},
		{"request timeout", c.RequestTimeout, time.Millisecond, time.Minute},
		{"watch wait", c.WatchWait, time.Second, maxWatchWait},
	} {
		if d.value < d.min || d.value > d.max {
			return fmt.Errorf("%s is %s, must be %s to %s", d.field, d.value, d.min, d.max)
		}
	}
	return nil
}
