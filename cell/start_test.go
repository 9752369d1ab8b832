package cell

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cellway/cellway/cell/ledger"
	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/registry"
	"github.com/cellway/cellway/registry/memory"
)

func (s *system) instances() []registry.Instance {
	s.t.Helper()
	list, err := s.store.Client().Instances(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func (s *system) pool(cell string) *pgxpool.Pool {
	s.t.Helper()
	pool, err := pgxpool.New(s.t.Context(), s.databaseOf(cell)[0])
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(pool.Close)
	return pool
}

func TestStart_announces_and_registers(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a", func(c *Config) { c.Weight, c.Version = 3, "v9" })
	a.assign(0, 1)
	eventually(t, "registered and healthy", func() bool { l := s.instances(); return len(l) == 1 && l[0].Healthy })
	got := s.instances()[0]
	cluster, err := s.store.Client().Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cells, err := s.store.Client().Cells(t.Context())
	if err != nil || len(cells) != 1 {
		t.Fatalf("cells %v, %v", cells, err)
	}
	want := registry.Instance{
		ID: "cell-a:" + a.Addr(), Cell: "cell-a", Address: a.Addr(), Internal: a.InternalAddr(), Schema: "cell_a", Version: "v9",
		Weight: 3, Partitions: testPartitions, ClusterID: cluster.ID, DatabaseID: cells[0].DatabaseID, Healthy: true,
	}
	if got != want {
		t.Errorf("registered %+v, want %+v", got, want)
	}
	if cells[0].Weight != 3 || cluster.Partitions != testPartitions {
		t.Errorf("cell %+v, cluster %+v", cells[0], cluster)
	}
}

func TestStart_refuses_what_belongs_to_others(t *testing.T) {
	s := newSystem(t)
	if err := s.start("cell-a").stop(); err != nil {
		t.Fatal(err)
	}
	urls := s.databaseOf("cell-a")
	inSchemaOfA := func(c *Config) { c.PlatformURL, c.AppURL, c.Schema = urls[0], urls[1], "cell_a" }
	for what, c := range map[string]struct {
		cell   string
		change func(*Config)
		want   error
	}{
		"another cell's schema":   {"cell-b", inSchemaOfA, ledger.ErrOtherCell},
		"another partition count": {"cell-a", func(c *Config) { c.Partitions = 32 }, ledger.ErrOtherPartitions},
		"another cluster": {"cell-a", func(c *Config) {
			other := memory.NewStore().Client()
			if _, err := other.CreateCluster(t.Context(), clusterOf("other")); err != nil {
				t.Fatal(err)
			}
			c.Registry = other
		}, ErrOtherCluster},
	} {
		t.Run(what, func(t *testing.T) {
			if err := s.refuses(c.cell, c.change); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

func clusterOf(id string) registry.Cluster {
	return registry.Cluster{ID: id, Partitions: testPartitions, Hash: "sha256-be32", Ring: "r", CreatedAt: time.Now()}
}

func TestStart_refuses_a_name_that_is_known_with_another_database(t *testing.T) {
	s := newSystem(t)
	if _, err := s.store.Client().AnnounceCell(t.Context(), "cell-a", "another database", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.refuses("cell-a"); !errors.Is(err, registry.ErrOtherDatabase) {
		t.Errorf("error %v", err)
	}
}

func TestRun_ends_when_the_name_turns_out_to_be_another_databases(t *testing.T) {
	s := newSystem(t)
	if err := s.start("cell-a").stop(); err != nil {
		t.Fatal(err)
	}
	s.store = memory.NewStore()
	if _, err := s.store.Client().AnnounceCell(t.Context(), "cell-a", "another database", 1); err != nil {
		t.Fatal(err)
	}
	s.store.SetDown(true)
	r, ended := s.launch("cell-a")
	<-r.Ready()
	s.store.SetDown(false)
	select {
	case err := <-ended:
		if !errors.Is(err, registry.ErrOtherDatabase) {
			t.Errorf("error %v", err)
		}
	case <-time.After(patience):
		t.Error("goes on under a name that is another's")
	}
}

func TestStart_known_schema_serves_without_the_registry(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	a.assign(0)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	s.store.SetDown(true)
	a = s.start("cell-a")
	wantStatus(t, "write", a.put(0, "x"), 200)
	s.store.SetDown(false)
	eventually(t, "registered", func() bool { return len(s.instances()) == 1 })
}

func TestStart_known_schema_serves_though_the_registry_has_lost_its_cluster(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	a.assign(0)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	s.store = memory.NewStore()
	a = s.start("cell-a")
	wantStatus(t, "write", a.put(0, "x"), 200)
	eventually(t, "registered", func() bool { return len(s.instances()) == 1 })
	if _, err := s.store.Client().Cluster(t.Context()); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("cluster: %v", err)
	}

	// A fresh cell must not make a second cluster beside it.
	_, ended := s.launch("cell-b")
	select {
	case err := <-ended:
		t.Fatalf("ended: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if _, err := s.store.Client().Cluster(t.Context()); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("cluster: %v", err)
	}
}

func TestStart_fresh_schema_waits_for_the_registry(t *testing.T) {
	s := newSystem(t)
	s.store.SetDown(true)
	r, ended := s.launch("cell-a")
	eventually(t, "listening", func() bool { return r.Addr() != "" })
	got := r.send("GET", "/health", "")
	wantStatus(t, "health while starting", got, 503)
	wantStatus(t, "request while starting", r.put(0, "x"), 503)
	s.store.SetDown(false)
	select {
	case <-r.Ready():
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(patience):
		t.Fatal("did not go on")
	}
}

func TestStart_stopped_while_it_waits(t *testing.T) {
	s := newSystem(t)
	s.store.SetDown(true)
	r, _ := s.launch("cell-a")
	if err := r.stop(); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestStart_names_an_address_that_is_taken(t *testing.T) {
	s := newSystem(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = s.refuses("cell-a", func(c *Config) { c.InternalListen = taken.Addr().String() })
	if err == nil || !strings.Contains(err.Error(), "InternalListen") {
		t.Errorf("error %v", err)
	}
}

func TestInternal_needs_the_credential(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	for _, token := range []string{"", "wrong", testToken + "x"} {
		c := &protocol.Client{HTTP: s.client, Token: token}
		if _, err := c.Rows(t.Context(), a.InternalAddr()); protocol.CodeOf(err) != protocol.CodeDenied {
			t.Errorf("token %q: %v", token, err)
		}
	}
	rows, err := s.peers().Rows(t.Context(), a.InternalAddr())
	if err != nil || len(rows) != testPartitions {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestInternal_refuses_what_it_does_not_understand(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	c := s.peers()
	if _, err := c.Do(t.Context(), a.InternalAddr(), testPartitions, protocol.VerbAdopt, protocol.Command{}); protocol.CodeOf(err) != protocol.CodeInvalid {
		t.Errorf("partition out of range: %v", err)
	}
	if _, err := c.Do(t.Context(), a.InternalAddr(), 0, "explode", protocol.Command{}); protocol.CodeOf(err) != protocol.CodeInvalid {
		t.Errorf("unknown verb: %v", err)
	}
	if _, err := c.Gate(t.Context(), a.InternalAddr(), 0, protocol.GateOrder{Action: "explode"}); protocol.CodeOf(err) != protocol.CodeInvalid {
		t.Errorf("unknown order: %v", err)
	}
}
