package containertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/load"
	"github.com/cellway/cellway/internal/localserver"
)

// commands runs the program as somebody in a terminal does, on a compose project of its own.
type commands struct {
	fixture
	binary  string
	project string
	env     []string
	addr    map[string]string
}

func newCommands(t *testing.T) *commands {
	t.Helper()
	docker := engine(t)
	c := &commands{project: "cellway-test-" + strings.ToLower(rand.Text()[:8]), binary: filepath.Join(t.TempDir(), "cellway"), addr: map[string]string{}}
	out, err := exec.Command("go", "build", "-o", c.binary, "github.com/cellway/cellway/cmd/cellway").CombinedOutput()
	if err != nil {
		t.Fatalf("build cellway: %v\n%s", err, out)
	}
	ports, err := localserver.FreePorts(3)
	must(t, err)
	c.env = append(os.Environ(), "COMPOSE_PROJECT_NAME="+c.project, "CELLWAY_IMAGE="+imageName, "CELLWAY_STATE_DIR="+t.TempDir(), "CELLWAY_PROJECT_DIR=../..", "CELLWAY_PARTITIONS=512")
	for i, name := range []string{"ROUTER", "ADMIN", "CONSUL"} {
		c.addr[name] = fmt.Sprintf("%s:%d", localserver.Loopback, ports[i])
		c.env = append(c.env, "CELLWAY_"+name+"_ADDR="+c.addr[name])
	}
	c.Stack, c.count, c.partitions = newStack(docker, project{}), 2000, 512
	c.ports["router"] = map[int]int{8000: ports[0], 8001: ports[1]}
	c.client = load.New("http://"+c.addr["ROUTER"], load.NewModel())
	t.Cleanup(func() {
		// A test that failed half-way leaves its system to this.
		ctx, cancel := context.WithTimeout(context.Background(), closeFor)
		defer cancel()
		_, _ = c.cellway(ctx, "down", "--volumes")
	})
	return c
}

// cellway runs a command and returns what it printed.
func (c *commands) cellway(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.binary, args...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("cellway %v: %w\n%s", args, err, out)
	}
	return string(out), nil
}

func (c *commands) mustRun(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildFor)
	defer cancel()
	out, err := c.cellway(ctx, args...)
	must(t, err)
	return out
}

// docker runs the docker command on the container of one part.
func (c *commands) dockerDo(t *testing.T, verb, part string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", verb, c.project+"-"+part+"-1").CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s %s: %v\n%s", verb, part, err, out)
	}
}

// left lists what the engine has of the project.
func (c *commands) left(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	for _, list := range [][]string{{"ps", "--all"}, {"network", "ls"}, {"volume", "ls"}} {
		raw, err := exec.Command("docker", append(list, "--quiet", "--filter", "label=com.docker.compose.project="+c.project)...).Output()
		must(t, err)
		out.Write(raw)
	}
	return out.String()
}

// TestCommands is what the README shows: up, add-cell, a dead container and its return, restart, drain, remove, down.
func TestCommands(t *testing.T) {
	c := newCommands(t)
	began := time.Now()
	out := c.mustRun(t, "up")
	t.Logf("up: %v", time.Since(began).Round(time.Millisecond))
	for _, addr := range c.addr {
		if !strings.Contains(out, "http://"+addr+"/") {
			t.Errorf("up does not say to open %s:\n%s", addr, out)
		}
	}
	must(t, c.client.Fill(t.Context(), "load", c.count, workers))
	c.client.Take()

	t.Run("Consul shows every cell passing to whoever looks", func(t *testing.T) {
		var entries []struct {
			Checks []struct{ Status, Output string }
		}
		must(t, get(t.Context(), "http://"+c.addr["CONSUL"]+"/v1/health/service/cellway-cell?passing", "", &entries))
		if len(entries) != 3 {
			t.Errorf("%d instances pass, want 3: %+v", len(entries), entries)
		}
	})
	t.Run("add-cell moves exactly a quarter under load", func(t *testing.T) {
		stop := c.load(t)
		began := time.Now()
		c.mustRun(t, "add-cell", "cell-d")
		mustHurtOnly(t, fmt.Sprintf("add-cell (%v)", time.Since(began).Round(time.Millisecond)), stop())
		for cell, n := range c.owners(t) {
			if n != 128 {
				t.Errorf("%s owns %d partitions, want 128", cell, n)
			}
		}
	})
	t.Run("docker kill hurts a cell's own customers, docker start brings it back", func(t *testing.T) {
		c.client.Visit(t.Context(), "load", c.count, workers)
		stop := c.load(t)
		c.dockerDo(t, "kill", "cell-a")
		c.waitForStatus(t, "cell-a", "sick")
		mustHurtOnly(t, "docker kill", stop(), "cell-a")
		c.dockerDo(t, "start", "cell-a")
		c.waitForStatus(t, "cell-a", "active")
		c.waitForAnswer(t, "cell-a", http.StatusOK)
	})
	t.Run("restart brings back a dead cell", func(t *testing.T) {
		c.dockerDo(t, "kill", "cell-b")
		if out := c.mustRun(t, "restart", "cell-b"); !strings.Contains(out, "cell-b is ready") {
			t.Error(out)
		}
		c.waitForAnswer(t, "cell-b", http.StatusOK)
		c.env = slices.DeleteFunc(c.env, func(v string) bool { return strings.HasPrefix(v, "CELLWAY_PARTITIONS=") }) // up remembers it
		if _, err := c.cellway(t.Context(), "restart", "cell-x"); err == nil || !strings.Contains(err.Error(), "there are cell-a, cell-b") {
			t.Errorf("%v", err)
		}
	})
	t.Run("drain-cell, remove-cell and the same name again", func(t *testing.T) {
		stop := c.load(t)
		c.mustRun(t, "drain", "cell-d")
		c.mustRun(t, "remove-cell", "cell-d")
		c.mustRun(t, "add-cell", "cell-d", "--weight", "3")
		mustHurtOnly(t, "drain, remove, add again with weight 3", stop())
		if n := c.owners(t)["cell-d"]; n != 256 {
			t.Errorf("cell-d owns %d partitions, want half: it has half of all weight", n)
		}
	})
	t.Run("everything is there again after down and up", func(t *testing.T) {
		before := c.owners(t)
		c.mustRun(t, "down")
		c.mustRun(t, "up")
		if after := c.owners(t); len(after) != len(before) || after["cell-d"] != before["cell-d"] {
			t.Errorf("owners were %v, are %v", before, after)
		}
		c.waitForAnswer(t, "cell-d", http.StatusOK)
		stop := c.load(t)
		c.waitForOperations(t, 500)
		mustHurtOnly(t, "after down and up", stop())
	})
	t.Run("down with volumes leaves nothing, of removed cells neither", func(t *testing.T) {
		c.mustRun(t, "drain", "cell-a")
		c.mustRun(t, "remove-cell", "cell-a")
		if out, err := c.cellway(t.Context(), "remove-cell", "cell-a"); err != nil {
			t.Errorf("removed again: %v\n%s", err, out)
		}
		c.mustRun(t, "restart", "mover-1")
		if _, err := c.cellway(t.Context(), "restart", "cell-a"); err == nil {
			t.Error("a removed cell was restarted")
		}
		c.mustRun(t, "down", "--volumes")
		if left := c.left(t); left != "" {
			t.Errorf("left behind: %s", left)
		}
	})
}
