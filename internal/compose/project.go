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
	startFor   = 20 * time.Minute // the first start pulls and builds images
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

// New is the project of the docker-compose.yml in dir, running or not, as it was last started. Added cells are kept under
// stateDir, which is relative to dir.
func New(dir, stateDir string, out io.Writer) (*Project, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("project directory: %w", err)
	}
	p := &Project{Name: projectName(), Dir: dir, Files: []string{filepath.Join(dir, "docker-compose.yml")}, Out: out}
	p.State = p.stateUnder(stateDir)
	if err := p.recall(); err != nil {
		return nil, err
	}
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

func projectName() string {
	if name := os.Getenv("COMPOSE_PROJECT_NAME"); name != "" {
		return name
	}
	return DefaultName
}

func (p *Project) stateUnder(stateDir string) string {
	if !filepath.IsAbs(stateDir) {
		stateDir = filepath.Join(p.Dir, stateDir)
	}
	return filepath.Join(stateDir, "compose", p.Name)
}

// Find is the project that the engine has containers of, and says whether any of them runs. The error is
// ErrNotRunning if there is none, or ErrNoDocker.
func Find(ctx context.Context, stateDir string, out io.Writer) (p *Project, running bool, err error) {
	name := projectName()
	format := fmt.Sprintf(`{{.State}}|{{.Label %q}}|{{.Label %q}}`, labelDir, labelFiles)
	text, err := ask(ctx, "ps", "--all", "--filter", "label="+labelProject+"="+name, "--format", format)
	if err != nil {
		return nil, false, err
	}
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 3 || fields[2] == "" {
			continue
		}
		running = running || fields[0] == "running" || fields[0] == "paused"
		found := &Project{Name: name, Dir: fields[1], Out: out}
		found.State = found.stateUnder(stateDir)
		found.Files = slices.DeleteFunc(strings.Split(fields[2], ","), func(file string) bool { return file == found.layFile() })
		if p == nil || len(found.Files) > len(p.Files) {
			p = found
		}
	}
	if p == nil {
		return nil, false, fmt.Errorf("%w (project %s): start it with make up", ErrNotRunning, name)
	}
	files := p.Files
	err = p.recall()
	p.Files = files // the containers know best
	return p, running, err
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
		why := strings.TrimSpace(said.String())
		if errors.Is(err, exec.ErrNotFound) || strings.Contains(why, "daemon") {
			err = errors.Join(ErrNoDocker, err)
		}
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, why)
	}
	return string(out), nil
}

// arguments of docker that make it the project's compose, with these files.
func (p *Project) arguments(files []string, args ...string) []string {
	out := []string{"compose", "--project-name", p.Name, "--project-directory", p.Dir}
	for _, file := range files {
		out = append(out, "--file", file)
	}
	return append(out, args...)
}

// command is docker compose on the whole project, cells that were added included.
func (p *Project) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	files, err := p.allFiles()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "docker", p.arguments(files, args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), p.Env...), p.Out, p.Out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	return cmd, nil
}

// run runs docker compose and shows what it prints.
func (p *Project) run(ctx context.Context, limit time.Duration, args ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %v", limit))
	defer cancel()
	cmd, err := p.command(ctx, args...)
	if err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("docker compose %s: %w", args[0], err)
	}
	return nil
}
