package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultName is the name that docker-compose.yml gives the project.
const DefaultName = "cellway"

// Labels by which compose marks its containers.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelFiles   = "com.docker.compose.project.config_files"
	labelDir     = "com.docker.compose.project.working_dir"
)

// Errors that callers tell apart.
var (
	// ErrNotRunning: no container of the project runs.
	ErrNotRunning = errors.New("no system runs in containers")
	// ErrExists: the cell runs already.
	ErrExists = errors.New("is there already")
	// ErrUnknown: the project has no such part.
	ErrUnknown = errors.New("no such part")
	// ErrNoDocker: there is no docker command, or no engine answers it.
	ErrNoDocker = errors.New("docker cannot be used")
)

const (
	askFor     = 15 * time.Second // a question to the engine
	startFor   = 10 * time.Minute // the first start builds an image
	restartFor = 2 * time.Minute  // one part, with what it needs
)

// Project is one system in containers.
type Project struct {
	Name  string    // of the compose project
	Dir   string    // where docker-compose.yml is
	Files []string  // compose files, the first one the base
	State string    // directory of the files of added and removed cells
	Env   []string  // NAME=value, for docker compose, beside this process's environment
	Out   io.Writer // gets what docker prints
}

// New is the project of the docker-compose.yml in dir, running or not. Added cells are kept under stateDir.
func New(dir, stateDir string, out io.Writer) (*Project, error) {
	p := &Project{Name: os.Getenv("COMPOSE_PROJECT_NAME"), Out: out}
	if p.Name == "" {
		p.Name = DefaultName
	}
	var err error
	if p.Dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("project directory: %w", err)
	}
	if stateDir, err = filepath.Abs(stateDir); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	p.State = filepath.Join(stateDir, "compose", p.Name)
	p.Files = []string{filepath.Join(p.Dir, "docker-compose.yml")}
	if list := os.Getenv("COMPOSE_FILE"); list != "" {
		p.Files = filepath.SplitList(list)
		for i, file := range p.Files {
			if !filepath.IsAbs(file) {
				p.Files[i] = filepath.Join(p.Dir, file)
			}
		}
	}
	for _, file := range p.Files {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("compose file: %w (run it where docker-compose.yml is, or say --project-dir)", err)
		}
	}
	return p, nil
}

// Find is the project that the engine has containers of, and says whether any of them runs. The error is
// ErrNotRunning if there is none, or ErrNoDocker.
func Find(ctx context.Context, stateDir string, out io.Writer) (p *Project, running bool, err error) {
	name := os.Getenv("COMPOSE_PROJECT_NAME")
	if name == "" {
		name = DefaultName
	}
	format := fmt.Sprintf(`{{.State}}|{{.Label %q}}|{{.Label %q}}`, labelDir, labelFiles)
	text, err := ask(ctx, "ps", "--all", "--filter", "label="+labelProject+"="+name, "--format", format)
	if err != nil {
		return nil, false, err
	}
	if stateDir, err = filepath.Abs(stateDir); err != nil {
		return nil, false, fmt.Errorf("state directory: %w", err)
	}
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 3 || fields[2] == "" {
			continue
		}
		files := slices.DeleteFunc(strings.Split(fields[2], ","), func(file string) bool { return filepath.Ext(file) == cellFileExt })
		running = running || fields[0] == "running" || fields[0] == "paused"
		if p == nil || len(files) > len(p.Files) {
			p = &Project{Name: name, Dir: fields[1], Files: files, State: filepath.Join(stateDir, "compose", name), Out: out}
		}
	}
	if p == nil {
		return nil, false, fmt.Errorf("%w (project %s): start it with make up", ErrNotRunning, name)
	}
	return p, running, nil
}

// ask runs docker for its answer.
func ask(ctx context.Context, args ...string) (string, error) { return askWith(ctx, nil, args...) }

func askWith(ctx context.Context, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	var said strings.Builder
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: docker %s: %w: %s", ErrNoDocker, args[0], err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}

// arguments of docker that make it the project's compose.
func (p *Project) arguments(args ...string) ([]string, error) {
	out := []string{"compose", "--project-name", p.Name, "--project-directory", p.Dir}
	for _, file := range p.Files {
		out = append(out, "--file", file)
	}
	kept, err := p.cellFiles()
	for _, file := range kept {
		out = append(out, "--file", file)
	}
	return append(out, args...), err
}

// run runs docker compose and shows what it prints.
func (p *Project) run(ctx context.Context, limit time.Duration, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	all, err := p.arguments(args...)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "docker", all...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), p.Env...), p.Out, p.Out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("docker compose %s: %w", args[0], err)
	}
	return nil
}
