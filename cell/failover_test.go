package cell

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/localserver"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/internal/restored"
	"github.com/cellway/cellway/placement"
)

// moveSteps are those of a move, in their order.
func moveSteps() []func(m *handMove) {
	receipt := func(m *handMove) func(c *protocol.Command) {
		return func(c *protocol.Command) {
			c.Receipt = &protocol.Receipt{Move: m.base.Move, Partition: m.p, From: m.from.cfg.Cell, To: m.to.cfg.Cell, Epoch: m.base.Epoch}
		}
	}
	return []func(m *handMove){
		(*handMove).record, (*handMove).importNew, func(m *handMove) { m.copy() },
		func(m *handMove) { m.do(m.from, protocol.VerbClose, nil) }, (*handMove).fence, func(m *handMove) { m.pull() },
		(*handMove).handover, func(m *handMove) { m.do(m.to, protocol.VerbOwn, m.underFence) },
		(*handMove).check,
		func(m *handMove) { m.do(m.from, protocol.VerbReceipt, receipt(m)) }, func(m *handMove) { m.do(m.to, protocol.VerbReceipt, receipt(m)) },
		func(m *handMove) { m.do(m.from, protocol.VerbSweep, nil) },
	}
}

// lapse is which steps of a move the standby lacks: those from the first to before the second.
type lapse struct{ from, to int }

// lapses are every step alone, and some in a row.
func lapses() []lapse {
	all := []lapse{{3, 6}, {5, 8}, {6, 9}, {7, 10}}
	for i := range moveSteps() {
		all = append(all, lapse{i, i + 1})
	}
	return all
}

// TestRule13AFailoverAtEveryStepMakesNoSecondOwner: each partition's move stands at another step when the database of one
// side stops sending its log; it dies one step later, or three, and its standby, which lacks them, takes its place.
func TestRule13AFailoverAtEveryStepMakesNoSecondOwner(t *testing.T) {
	ofEachSide(t, func(t *testing.T, f *failover) {
		f.begin(t, lapses())
		f.db.catchUp(t)
		f.db.wal.setCut(true)
		f.goOn(t)
		f.failOver(t, func(t *testing.T) {
			if err := f.db.standby.Promote(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// TestRule13ABaseBackupRestoredMakesNoSecondOwner: a base backup is taken while each partition's move stands at another
// step; the moves go on until the source waits to sweep, and the backup takes the place of one side's database.
func TestRule13ABaseBackupRestoredMakesNoSecondOwner(t *testing.T) {
	ofEachSide(t, func(t *testing.T, f *failover) {
		last := len(moveSteps()) - 1
		var all []lapse
		for i := range last {
			all = append(all, lapse{i, last})
		}
		f.begin(t, all)
		f.db.backUp(t)
		f.goOn(t)
		f.failOver(t, f.db.restore)
	})
}

// ofEachSide loses the database of the source, then of the target: lose begins moves, and puts a copy in its place that
// lacks some of their steps.
func ofEachSide(t *testing.T, lose func(t *testing.T, f *failover)) {
	t.Helper()
	for victim, side := range map[string]string{"cell-a": "the source", "cell-b": "the target"} {
		t.Run("of "+side, func(t *testing.T) {
			f := newFailover(t, victim)
			lose(t, f)
			f.mustBeShut(t)
			f.mustHaveOneOwnerOnceCompared(t)
		})
	}
}

// begin brings a partition's move to the step before each lapse.
func (f *failover) begin(t *testing.T, lapses []lapse) {
	t.Helper()
	f.lapses = lapses
	for i, l := range lapses {
		m := newMove(t, f.a, f.b, placement.Partition(i), 2)
		for _, step := range moveSteps()[:l.from] {
			step(m)
		}
		f.moves = append(f.moves, m)
	}
}

// goOn does what the copy will lack.
func (f *failover) goOn(t *testing.T) {
	t.Helper()
	for i, l := range f.lapses {
		for _, step := range moveSteps()[l.from:l.to] {
			step(f.moves[i])
		}
	}
}

// failover is two cells, each on its own server; the victim's has a standby.
type failover struct {
	victim string
	db     *replicated
	way    *link // from the victim's instance to its database
	a, b   *running
	fail   *system // the victim's
	stay   *system // the other's
	lapses []lapse
	moves  []*handMove // one of each lapse
}

func newFailover(t *testing.T, victim string) *failover {
	t.Helper()
	f := &failover{victim: victim, db: newReplicated(t)}
	f.fail = newSystemAt(t, f.db.primary.URL("postgres"))
	f.stay = newSystem(t)
	f.stay.store = f.fail.store
	f.way = newLink(t, f.fail.url)
	through := func(c *Config) {
		c.PlatformURL, c.AppURL = f.way.through(t, c.PlatformURL), f.way.through(t, c.AppURL)
	}
	for _, cell := range []string{"cell-a", "cell-b"} {
		var r *running
		if cell == victim {
			r = f.fail.start(cell, through)
		} else {
			r = f.stay.start(cell)
		}
		if cell == "cell-a" {
			f.a = r
		} else {
			f.b = r
		}
	}
	var all []placement.Partition
	for p := range placement.Partition(testPartitions) {
		all = append(all, p)
	}
	f.a.assign(all...)
	for _, p := range all {
		wantStatus(t, "create", f.a.put(p, fmt.Sprint("before ", p)), http.StatusOK)
	}
	return f
}

func (f *failover) failOver(t *testing.T, standIn func(t *testing.T)) {
	t.Helper()
	f.way.setCut(true)
	f.db.primary.Kill()
	standIn(t)
	f.way.lead(t, f.db.standby.URL("postgres"))
	// A fence that is long over must stay, too.
	f.fail.url = f.db.standby.URL("postgres")
	f.fail.sql(`UPDATE ` + pgx.Identifier{placement.SchemaName(f.victim), "cellway_partitions"}.Sanitize() + ` SET deadline = now() WHERE state = 'fenced'`)
	f.way.setCut(false)
}

func (f *failover) lost() (victim, other *running) {
	if f.victim == "cell-a" {
		return f.a, f.b
	}
	return f.b, f.a
}

// mustBeShut: the promoted cell takes no write and no command, and releases nothing.
func (f *failover) mustBeShut(t *testing.T) {
	t.Helper()
	victim, _ := f.lost()
	eventually(t, "the cell knows what its database is", func() bool {
		health := victim.send("GET", "/health", "")
		return health.status == http.StatusServiceUnavailable && strings.Contains(health.body, "restored")
	})
	for _, m := range f.moves {
		if got := victim.put(m.p, "after"); got.status == http.StatusOK {
			t.Errorf("partition %d: a write at the promoted copy: %v", m.p, got)
		}
		for _, verb := range []protocol.Verb{protocol.VerbAdopt, protocol.VerbHandover, protocol.VerbOwn, protocol.VerbRelease} {
			if _, err := m.try(victim, verb, func(c *protocol.Command) { c.FenceNo = 1 }); protocol.CodeOf(err) != protocol.CodeInternal || !strings.Contains(err.Error(), "restored") {
				t.Errorf("partition %d: %s at the promoted copy: %v", m.p, verb, err)
			}
		}
	}
	if fenced := f.state(t, f.db.standby, "fenced"); f.victim == "cell-a" && fenced == 0 {
		t.Error("the promoted copy has no fence that is over: released, or the test proves nothing")
	}
}

func (f *failover) state(t *testing.T, pg *localserver.Postgres, state string) (n int) {
	t.Helper()
	query(t, pg, `SELECT count(*) FROM `+pgx.Identifier{placement.SchemaName(f.victim), "cellway_partitions"}.Sanitize()+` WHERE state = '`+state+`'`, &n)
	return n
}

// mustHaveOneOwnerOnceCompared: what the comparison decides is carried out, and then no partition has two owners, and no
// customer's row has been deleted that is not at another cell.
func (f *failover) mustHaveOneOwnerOnceCompared(t *testing.T) {
	t.Helper()
	victim, other := f.lost()
	decisions, peers := f.compareAndAccept(t)
	owns := func(row protocol.Row) bool {
		return row.State == protocol.StateOwned || row.State == protocol.StateFenced
	}
	for i, d := range decisions {
		peer := peers[i]
		t.Logf("without steps %v: %s here is %s there; %s %s", f.lapses[i], d.Was.State, peer.State, d.Do, d.Why)
		now := victim.row(d.Partition)
		if d.Do != restored.Refuse && owns(now) && owns(peer) {
			t.Errorf("partition %d: two owners: %+v and %+v", d.Partition, now, peer)
		}
		want := d.Row
		if d.Do == restored.Refuse {
			want = d.Was
		}
		if now.State != want.State || now.Epoch != want.Epoch || now.HighEpoch != want.HighEpoch || now.FenceNo != want.FenceNo {
			t.Errorf("partition %d: %s, and is %+v, not %+v", d.Partition, d.Do, now, want)
		}
		if d.Wipes() && !slices.Contains([]protocol.State{protocol.StateOwned, protocol.StateFenced, protocol.StateReady}, peer.State) {
			t.Errorf("partition %d: its rows are deleted, and %s is %s", d.Partition, other.cfg.Cell, peer.State)
		}
		f.mustHaveItsCustomer(t, d, other.cfg.Cell)
	}
}

// compareAndAccept decides about the partitions' rows, and carries out what needs no person to look; it returns the
// decisions and the other cell's rows, in the order of the moves.
func (f *failover) compareAndAccept(t *testing.T) ([]restored.Decision, []protocol.Row) {
	t.Helper()
	victim, other := f.lost()
	pool, err := pgxpool.New(t.Context(), victim.cfg.PlatformURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	schema := placement.SchemaName(f.victim)
	seen, err := ledger.ReadRestored(t.Context(), pool, schema)
	if err != nil {
		t.Fatal(err)
	}
	facts := restored.Facts{Cell: f.victim, Map: f.mapBefore(t), Peers: map[string][]protocol.Row{}, Open: map[string]bool{}}
	for _, m := range f.moves {
		facts.Own = append(facts.Own, seen.Rows[m.p])
		facts.Peers[other.cfg.Cell] = append(facts.Peers[other.cfg.Cell], other.row(m.p))
		facts.Open[m.base.Move] = true
	}
	decisions := restored.Decide(facts)
	var changes []ledger.Change
	for _, d := range decisions {
		if d.Do != restored.Refuse {
			changes = append(changes, ledger.Change{Was: d.Was, Row: d.Row, Wipe: d.Wipes()})
		}
	}
	if err := ledger.Accept(t.Context(), pool, schema, seen, changes); err != nil {
		t.Fatal(err)
	}
	return decisions, facts.Peers[other.cfg.Cell]
}

// mustHaveItsCustomer: the customer that was there before the failover is in one of the databases, whole.
func (f *failover) mustHaveItsCustomer(t *testing.T, d restored.Decision, other string) {
	t.Helper()
	count := func(url, cell string) (n int) {
		queryAt(t, url, fmt.Sprintf(`SELECT count(*) FROM %s WHERE name = 'before %d'`,
			pgx.Identifier{placement.SchemaName(cell), "customers"}.Sanitize(), d.Partition), &n)
		return n
	}
	here, there := count(f.fail.url, f.victim), count(f.stay.url, other)
	if d.Wipes() && here > 0 {
		t.Errorf("partition %d: %s, and its customer is still here", d.Partition, d.Do)
	}
	if here+there == 0 {
		t.Errorf("partition %d, which is %s: its customer is in neither database", d.Partition, d.Was.State)
	}
}

// mapBefore is the map as it was: the moves were not flipped.
func (f *failover) mapBefore(t *testing.T) *placement.Map {
	t.Helper()
	m, err := placement.NewMap(testPartitions)
	for p := range placement.Partition(testPartitions) {
		if err == nil {
			m, err = m.WithOwner(p, "cell-a", 1)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}
