package mover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// term is what one leader knows during one term. One goroutine, the loop, owns all of it; workers get copies and
// send back results.
type term struct {
	cfg     Config
	leader  registry.Term
	log     *slog.Logger
	metrics *metrics
	publish func(Status)

	loaded    bool // the first look at the registry has succeeded
	polled    time.Time
	deaf      error // what the last poll failed with
	cluster   registry.Cluster
	m         *placement.Map // nil while there is none
	cells     []registry.Cell
	requests  uint64
	pace      registry.Pace       // of the last poll
	orders    registry.OrderBook  // what operators ask, as last read
	held      int                 // moves that the last plan left out, because operators want it so
	instances []registry.Instance // as registered; nil until the first list
	refused   []string            // instances that do not belong here, and why
	book      addressBook
	seen      presence

	views map[string]*cellView
	known map[string]bool // IDs of all moves that the journal has or had during this term
	facts findings        // of all cells together: what journal and map still lack

	queue      *queue
	voters     electorate
	plannedFor []placement.Member // whom the last plan was made for
	asker      string             // who or what asked for it
	unowned    int                // partitions without an owner, at the last plan
	replan     bool
	asked      bool      // a person asked for a look since the last plan
	lastUndone string    // why the last move that was undone was
	lostSince  time.Time // when it was found that the registry has lost the map
	seenToken  uint64    // the highest leader's token that a cell has told of
	progress   progress
	problems   problems

	strains   map[string]strain // by source; those that were not measured lately have none
	measuring bool
	measured  time.Time // when measuring began last

	listed  chan []registry.Instance
	felt    chan map[string]protocol.Latency
	moved   chan moveResult
	heard   chan cellResult
	workers sync.WaitGroup
}

// registryPatience bounds the loop's own calls of the registry: moves go on meanwhile, the loop does not.
const registryPatience = 2 * time.Second

func newTerm(cfg Config, leader registry.Term, mt *metrics, publish func(Status)) *term {
	return &term{
		cfg: cfg, leader: leader, metrics: mt, publish: publish,
		log:   cfg.Logger.With(slog.Uint64("term", leader.Token)),
		book:  addressBook{},
		seen:  presence{},
		views: map[string]*cellView{},
		known: map[string]bool{},
		facts: findings{highest: map[placement.Partition]placement.Epoch{}, claims: map[placement.Partition]claim{}},
		queue: newQueue(), replan: true,
		listed: make(chan []registry.Instance),
		felt:   make(chan map[string]protocol.Latency, 1),
		moved:  make(chan moveResult, max(cfg.Parallel, registry.MaxParallel)),
		heard:  make(chan cellResult, maxAsking),
	}
}

// run leads until ctx ends (its error is returned) or something says that the term is over: the registry ([registry.ErrNotLeader]), a
// cell (errTermOver), or the hook. Moves that are under way stop where they are.
func (t *term) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer t.workers.Wait()
	defer stop()
	t.workers.Go(func() { t.watch(ctx) })
	for {
		if err := t.look(ctx); err != nil {
			return err
		}
		if err := t.wait(ctx); err != nil {
			return err
		}
	}
}

func (t *term) watch(ctx context.Context) {
	err := t.cfg.Registry.WatchInstances(ctx, func(list []registry.Instance) {
		select {
		case t.listed <- list:
		case <-ctx.Done():
		}
	}, nil)
	if err != nil && ctx.Err() == nil {
		t.log.Error("watch of the instances ended", slog.Any("error", err))
	}
}

// wait takes in one thing that happened, or returns when it is time to look again.
func (t *term) wait(ctx context.Context) error {
	timer := time.NewTimer(t.queue.wake(time.Now(), t.cfg.Poll))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case list := <-t.listed:
		if list == nil {
			list = []registry.Instance{}
		}
		t.instances = list
		t.admit()
	case latencies := <-t.felt:
		t.feel(latencies)
	case r := <-t.moved:
		return t.settle(ctx, r)
	case r := <-t.heard:
		return t.learn(ctx, r)
	}
	return nil
}

// look goes once through everything that may be to do. It returns only what ends the term; the rest is a problem
// that is told and met again at the next look.
func (t *term) look(ctx context.Context) error {
	t.problems.begin()
	err := t.decide(ctx)
	if ends(err) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		t.problems.add(err.Error())
	}
	return t.report(ctx)
}

func (t *term) decide(ctx context.Context) error {
	if time.Since(t.polled) >= t.cfg.Poll {
		t.deaf = t.poll(ctx)
		t.polled = time.Now()
	}
	if t.deaf != nil {
		return t.deaf
	}
	if why := guard(t.cluster); why != "" {
		t.problems.add(why)
		return nil
	}
	for _, why := range t.refused {
		t.problems.add("ignored: instance " + why)
	}
	if err := errors.Join(t.catchUp(ctx, t.seenToken), t.regainCells(ctx)); err != nil {
		return err
	}
	t.askCells(ctx)
	if t.m == nil {
		return t.firstMap(ctx)
	}
	if err := t.repair(ctx); err != nil {
		return err
	}
	if err := t.obey(ctx); err != nil {
		return err
	}
	t.plan()
	t.begin(ctx)
	return nil
}

// poll asks the registry what operators want; the first time also where the last leader left off.
func (t *term) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	if !t.loaded {
		if err := t.load(ctx); err != nil {
			return err
		}
	}
	if err := t.readOrders(ctx); err != nil {
		return err
	}
	cells, err := t.cfg.Registry.Cells(ctx)
	if err != nil {
		return fmt.Errorf("list cells: %w", err)
	}
	requests, err := t.cfg.Registry.Requests(ctx)
	if err != nil {
		return fmt.Errorf("read requests: %w", err)
	}
	pace, err := t.cfg.Registry.Pace(ctx)
	if err != nil {
		return fmt.Errorf("read pace: %w", err)
	}
	t.setPace(pace)
	t.asked = t.asked || t.loaded && requests > t.requests
	t.cells, t.requests, t.loaded = cells, requests, true
	t.admit()
	return nil
}

// load reads what the term begins with. Open moves come before the rows of any cell: a row that names a move
// which is not among them is an orphan.
func (t *term) load(ctx context.Context) error {
	var err error
	if t.cluster, err = t.readCluster(ctx); err != nil {
		return fmt.Errorf("read cluster: %w", err)
	}
	if t.m, err = t.cfg.Registry.Map(ctx); err != nil && !errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("read map: %w", err)
	}
	moves, err := t.cfg.Registry.OpenMoves(ctx)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if err := t.progress.load(ctx, t.cfg.Registry); err != nil {
		return err
	}
	for _, mv := range moves {
		t.known[mv.ID] = true
		t.queue.adopt(mv)
	}
	if len(moves) > 0 {
		t.log.Info("going on with open moves", slog.Int("moves", len(moves)))
	}
	return nil
}

// admit sees the instances again, after they or the cells have changed.
func (t *term) admit() {
	if t.instances == nil || t.cluster.ID == "" {
		return
	}
	admitted, refused := admit(t.instances, t.cluster, t.cells)
	t.refused = refused
	t.book = t.book.update(admitted)
	t.seen = t.seen.observe(admitted, time.Now())
}

// ends says whether the error is the end of the term, and not a trouble that may pass.
func ends(err error) bool {
	var hooked hookError
	return errors.Is(err, registry.ErrNotLeader) || errors.Is(err, errTermOver) || errors.As(err, &hooked)
}
