package cell

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cellway/cellway/cell/gate"
	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// instance is an opened cell: everything that serves until the process ends.
type instance struct {
	cfg      Config
	log      *slog.Logger
	addr     string // where routers reach the application
	internal string // where mover, cells and the cell's other instances reach the internal listener

	pools  *pools
	ledger *ledger.Ledger // for what changes states
	keeper *ledger.Ledger // the same schema, for the lease and for reading
	gate   *gate.Gate
	app    http.Handler

	peers     *protocol.Client // to other instances and other cells
	transport *http.Transport

	held     chan struct{} // closed when the first lease is held
	heldOnce sync.Once

	hints  chan placement.Partition // whose rows are to be looked at
	hinted []atomic.Int64           // by partition: when it was last put there, in Unix nanoseconds

	looks    looks
	checks   checks
	catalog  catalog
	probe    probe
	count    counter
	contents contents
	counting sync.Mutex // held while holdings are counted
	commands *prometheus.CounterVec
	restored atomic.Pointer[string] // why nothing is accepted or released any more; nil: all is well
	stopping atomic.Bool
	behind   sync.WaitGroup // gates that are being told, while the mover has its answer already
}

func (in *instance) identity() ledger.Identity { return in.keeper.Identity() }

// run does the instance's background work until ctx ends, and waits for it.
func (in *instance) run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { in.keepLease(ctx) })
	work.Go(func() { in.endFences(ctx) })
	work.Go(func() { in.reloadStates(ctx) })
	for range hintWorkers {
		work.Go(func() { in.followHints(ctx) })
	}
	work.Wait()
}

func (in *instance) close(ctx context.Context) {
	in.behind.Wait() // bounded: each order has its time
	in.transport.CloseIdleConnections()
	in.looks.close(ctx)
	in.pools.close()
}

// newTransport is for the small, quick exchanges between instances and cells. Contexts bound each of them.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 500 * time.Millisecond, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext: dialer.DialContext, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		DisableCompression: true, ResponseHeaderTimeout: 30 * time.Second,
	}
}
