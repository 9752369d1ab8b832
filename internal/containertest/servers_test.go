package containertest

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestPostgresPerCell: cells share nothing but the registry; a cell joins with a server of its own, another is drained.
func TestPostgresPerCell(t *testing.T) {
	f := start(t, 256, 1000, "deploy/compose.postgres-per-cell.yml")

	t.Run("a join and a drain move customers between servers", func(t *testing.T) {
		stop := f.load(t)
		must(t, f.AddCell(t.Context(), "cell-d"))
		f.waitForOwned(t, "cell-d", 64)
		f.waitForRest(t)
		f.order(t, "drain", "cell-b")()
		mustHurtOnly(t, "join and drain between servers", stop())
		if n := f.owners(t)["cell-b"]; n != 0 {
			t.Errorf("cell-b owns %d partitions after its drain", n)
		}
		f.mustCheck(t)
	})
	t.Run("a killed server hurts its own cell's customers alone", func(t *testing.T) {
		f.client.Visit(t.Context(), "load", f.count, workers)
		stop := f.load(t)
		must(t, f.Kill(t.Context(), "cell-d-postgres"))
		f.waitForStatus(t, "cell-d", "sick")
		stats := stop()
		mustHurtOnly(t, "the Postgres server of cell-d killed", stats, "cell-d")
		if stats.Failed["cell-d"] == 0 {
			t.Error("nobody noticed: the test proves nothing")
		}
		must(t, f.Revive(t.Context(), "cell-d-postgres"))
		f.waitForStatus(t, "cell-d", "active")
		f.waitForAnswer(t, "cell-d", 200)
		f.mustServe(t)
	})
}

// TestThreeConsulServers: the registry loses its leader, and then two of its three servers.
func TestThreeConsulServers(t *testing.T) {
	f := start(t, 256, 1000, "deploy/compose.consul-3.yml")

	t.Run("gossip is encrypted", func(t *testing.T) {
		token, err := f.Secret(t.Context(), "setup", "/run/cellway/setup/consul-management-token")
		must(t, err)
		var self struct {
			Stats map[string]map[string]string
		}
		must(t, get(t.Context(), "http://"+f.Addr("consul", 8500)+"/v1/agent/self", token, &self))
		if lan := self.Stats["serf_lan"]; lan["encrypted"] != "true" || lan["members"] != "3" {
			t.Errorf("%v", lan)
		}
	})
	t.Run("a join goes on when Consul's leader is killed", func(t *testing.T) {
		stop := f.load(t)
		must(t, f.AddCell(t.Context(), "cell-d"))
		f.waitForMoves(t, 10)
		leader := f.consulLeader(t)
		must(t, f.Kill(t.Context(), leader))
		f.waitForOwned(t, "cell-d", 64)
		f.waitForRest(t)
		mustHurtOnly(t, leader+", Consul's leader, killed during a join", stop())
		must(t, f.Revive(t.Context(), leader))
		f.mustCheck(t)
	})

	t.Run("two of three servers gone are noticed by no customer", func(t *testing.T) {
		leader := f.consulLeader(t)
		gone := []string{leader}
		for _, name := range consulServers {
			if name != leader && len(gone) < 2 {
				gone = append(gone, name)
			}
		}
		stop := f.load(t)
		for _, name := range gone {
			must(t, f.Freeze(t.Context(), name))
		}
		f.waitForOperations(t, 2000)
		for _, name := range gone {
			must(t, f.Thaw(t.Context(), name))
		}
		f.waitForSource(t, "live")
		for cell := range f.owners(t) {
			f.waitForStatus(t, cell, "active")
		}
		f.order(t, "drain", "cell-d")()
		mustHurtOnly(t, fmt.Sprintf("%s frozen and thawed, then a drain", strings.Join(gone, " and ")), stop())
		f.mustCheck(t)
	})
}

var consulServers = []string{"consul", "consul-2", "consul-3"} //nolint:gochecknoglobals // a constant list

// consulLeader names the server that the others follow.
func (f *fixture) consulLeader(t *testing.T) (name string) {
	t.Helper()
	wait(t, soon, func(ctx context.Context) error {
		addresses := map[string]string{}
		for _, server := range consulServers {
			c, err := f.inspectService(ctx, server)
			if err != nil {
				return err
			}
			addresses[c.NetworkSettings.Networks[f.networks["cells"].Name].IPAddress.String()] = server
		}
		var leader string
		if err := get(ctx, "http://"+f.Addr("consul", 8500)+"/v1/status/leader", "", &leader); err != nil {
			return err
		}
		host, _, _ := strings.Cut(leader, ":")
		if name = addresses[host]; name == "" {
			return fmt.Errorf("leader %q is none of %v", leader, addresses)
		}
		return nil
	})
	return name
}
