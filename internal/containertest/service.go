package containertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cellway/cellway/internal/compose"
)

// service is what a resolved compose file says of one service.
type service struct {
	Image       string             `json:"image"`
	Entrypoint  []string           `json:"entrypoint"`
	Command     []string           `json:"command"`
	Environment map[string]*string `json:"environment"`
	User        string             `json:"user"`
	Groups      []string           `json:"group_add"`
	NetworkMode string             `json:"network_mode"`
	Networks    map[string]*struct {
		Aliases []string `json:"aliases"`
	} `json:"networks"`
	Ports []struct {
		Target int `json:"target"`
	} `json:"ports"`
	Volumes []struct {
		Source   string `json:"source"`
		Target   string `json:"target"`
		ReadOnly bool   `json:"read_only"`
		Volume   struct {
			NoCopy bool `json:"nocopy"`
		} `json:"volume"`
	} `json:"volumes"`
	Tmpfs       []string `json:"tmpfs"`
	Healthcheck *struct {
		Disable     bool     `json:"disable"`
		Test        []string `json:"test"`
		Interval    string   `json:"interval"`
		Timeout     string   `json:"timeout"`
		StartPeriod string   `json:"start_period"`
		Retries     int      `json:"retries"`
	} `json:"healthcheck"`
	ReadOnly   bool        `json:"read_only"`
	CapDrop    []string    `json:"cap_drop"`
	Security   []string    `json:"security_opt"`
	Pids       int64       `json:"pids_limit"`
	Memory     json.Number `json:"mem_limit"`
	CPUs       float64     `json:"cpus"`
	Shm        json.Number `json:"shm_size"`
	Restart    string      `json:"restart"`
	StopSignal string      `json:"stop_signal"`
	DependsOn  map[string]struct {
		Condition string `json:"condition"`
	} `json:"depends_on"`
	Profiles []string `json:"profiles"`
}

// runsOnce says whether the service ends by itself when it has done its work.
func (s service) runsOnce() bool { return s.Restart == "no" }

// project is the resolved compose file, and what one more cell of it is made from.
type project struct {
	services map[string]service
	internal map[string]bool // networks by name: whether nothing leads out
	model    compose.Model
}

// resolveProject asks compose what the files come to, with these variables. Files are relative to the root of the
// repository; docker-compose.yml is always one of them.
func resolveProject(ctx context.Context, env []string, files ...string) (project, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return project{}, err
	}
	p := &compose.Project{Name: "containertest", Dir: root, Env: env, Out: os.Stderr}
	for _, file := range append([]string{"docker-compose.yml"}, files...) {
		p.Files = append(p.Files, filepath.Join(root, file))
	}
	m, err := p.Resolve(ctx)
	if err != nil {
		return project{}, err
	}
	return readModel(m)
}

func readModel(m compose.Model) (project, error) {
	out := project{services: map[string]service{}, internal: map[string]bool{}, model: m}
	if err := convert(m.Services, &out.services); err != nil {
		return out, err
	}
	networks := map[string]struct {
		Internal bool `json:"internal"`
	}{}
	if err := convert(m.Networks, &networks); err != nil {
		return out, err
	}
	for name, n := range networks {
		out.internal[name] = n.Internal
	}
	for name, s := range out.services {
		if len(s.Profiles) > 0 {
			delete(out.services, name)
		}
	}
	return out, nil
}

// withCell returns the project with one more cell, made as the commands make it.
func (p project) withCell(name string) (project, error) {
	copied, err := p.model.CopyCell("cell-a", name, 1)
	if err != nil {
		return project{}, err
	}
	return readModel(copied)
}

func convert(from, to any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("read the project: %w", err)
	}
	plain := strings.ReplaceAll(string(raw), "$$", "$") // compose escapes it, so that its output is input again
	if err := json.Unmarshal([]byte(plain), to); err != nil {
		return fmt.Errorf("read the project: %w", err)
	}
	return nil
}

// imageName is the image that the tests build of the working tree.
const imageName = "cellway:containertest"

// buildFor bounds the build of the image on a machine that has not built it before.
const buildFor = 10 * time.Minute

// buildImage builds the image of the working tree; where nothing has changed that takes a second.
func buildImage(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, buildFor)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", "build", "--quiet", "--file", "../../deploy/Dockerfile", "--tag", imageName, "../..")
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the image: %w\n%s", err, out)
	}
	return nil
}
