package nettest

import (
	"errors"
	"sync/atomic"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// tapped is the tap's name among the toxics.
const tapped = "cellway_tap"

// tap is a toxic that does no harm: it counts what comes to it, on the way to those that do.
type tap struct{ chunks atomic.Int64 }

// Pipe implements toxics.Toxic.
func (p *tap) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			p.chunks.Add(1)
			stub.Output <- chunk
		}
	}
}

func TestAFaultThatNothingRanIntoIsTooWeak(t *testing.T) {
	l := &link{proxies: []*toxiproxy.Proxy{newProxies(t).to("idle", "127.0.0.1:1")}}
	l.spoil(faults()[0])
	if _, err := l.heal(t.Context()); !errors.Is(err, errUnmet) {
		t.Errorf("nothing was sent: %v", err)
	}
}
