package nettest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// fault is what can be wrong with a link: toxics, by toxiproxy's names, with their attributes.
type fault struct {
	name   string
	toxics []string // JSON
}

func faults() []fault {
	return []fault{
		{"black hole", both(`"type":"timeout","attributes":{"timeout":0}`)},
		// Of the answers alone: the request has arrived, and nobody learns what became of it.
		{"reset", []string{`{"type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`}},
		{"latency", []string{`{"type":"latency","stream":"downstream","attributes":{"latency":500}}`}},
		{"sliced", both(`"type":"slicer","attributes":{"average_size":64,"size_variation":32,"delay":500}`)},
		{"slow", both(`"type":"bandwidth","attributes":{"rate":4}`)},
	}
}

func both(toxic string) []string {
	return []string{`{"stream":"upstream",` + toxic + `}`, `{"stream":"downstream",` + toxic + `}`}
}

// proxies make proxies that end with the test.
type proxies struct {
	t      *testing.T
	server *toxiproxy.ApiServer
}

func newProxies(t *testing.T) *proxies {
	t.Helper()
	toxics.Register(tapped, new(tap))
	metrics := toxiproxy.NewMetricsContainer(prometheus.NewRegistry())
	return &proxies{t: t, server: toxiproxy.NewServer(metrics, zerolog.Nop())}
}

// to starts a proxy in front of the address.
func (p *proxies) to(name, upstream string) *toxiproxy.Proxy {
	p.t.Helper()
	proxy := toxiproxy.NewProxy(p.server, name, "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(proxy.Stop)
	return proxy
}

// link is what a fault is put on: one proxy or several.
type link struct {
	proxies []*toxiproxy.Proxy

	mu    sync.Mutex // guards what follows
	began time.Time
	taps  []*tap // of the fault that is on
	err   error
}

// spoil puts the fault on, now, behind taps.
func (l *link) spoil(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began, l.taps, l.err = time.Now(), nil, nil
	for _, p := range l.proxies {
		for _, toxic := range append(both(`"type":"`+tapped+`"`), f.toxics...) {
			put, err := p.Toxics.AddToxicJson(strings.NewReader(toxic))
			if err != nil {
				l.err = fmt.Errorf("put %s on %s: %w", toxic, p.Name, err)
				return
			}
			if t, ok := put.Toxic.(*tap); ok {
				l.taps = append(l.taps, t)
			}
		}
	}
}

var errUnmet = errors.New("too weak: nothing was sent on the link, either way, while the fault was on")

// heal takes every fault off and returns when they were put on. A fault that nothing ran into is an error. Requests count
// where answers are spoiled: they are what is answered late, or not.
func (l *link) heal(ctx context.Context) (began time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.proxies {
		p.Toxics.ResetToxics(ctx)
	}
	met := int64(0)
	for _, t := range l.taps {
		met += t.chunks.Load()
	}
	if l.err == nil && met == 0 {
		l.err = errUnmet
	}
	return l.began, l.err
}
