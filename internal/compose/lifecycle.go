package compose

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Up builds the image, starts whatever does not run, and returns when everything is healthy.
func (p *Project) Up(ctx context.Context) error {
	if _, err := ask(ctx, "compose", "version", "--short"); err != nil {
		return fmt.Errorf("%w (the compose plugin, version 2, is needed)", err)
	}
	if err := errors.Join(p.remember(), p.lay(ctx)); err != nil {
		return err
	}
	err := p.run(ctx, startFor, "up", "--detach", "--build", "--wait")
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(p.Out, "not everything is healthy; what runs, and the last lines of each log:")
		err = errors.Join(err, p.run(ctx, askFor, "ps", "--all"), p.run(ctx, askFor, "logs", "--tail", "5"))
	}
	return err
}

// Down stops and removes every container and network of the project; with volumes its data and secrets too, and then
// cells that were added are forgotten.
func (p *Project) Down(ctx context.Context, volumes bool) error {
	args := []string{"down", "--remove-orphans"}
	if volumes {
		args = append(args, "--volumes")
	}
	if err := p.run(ctx, startFor, args...); err != nil || !volumes {
		return err
	}
	// Those of removed cells, and of overrides that are not named any more, compose does not know of.
	left, err := ask(ctx, "volume", "ls", "--quiet", "--filter", "label="+labelProject+"="+p.Name)
	if err != nil {
		return err
	}
	if names := strings.Fields(left); len(names) > 0 {
		if _, err := ask(ctx, append([]string{"volume", "rm"}, names...)...); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(p.State); err != nil {
		return fmt.Errorf("forget added cells: %w", err)
	}
	return nil
}

// Logs shows the logs of all services, or of those named, and follows them until ctx ends.
func (p *Project) Logs(ctx context.Context, services ...string) error {
	// Without a bound: until the reader has seen enough.
	cmd, err := p.command(ctx, append([]string{"logs", "--tail", "100", "--follow"}, services...)...)
	if err != nil {
		return err
	}
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("docker compose logs: %w", err)
	}
	return nil
}

// Restart restarts a part, dead, frozen or alive, and returns when it is healthy. mover-1 is the mover.
func (p *Project) Restart(ctx context.Context, name string) error {
	services, err := p.services(ctx)
	if err != nil {
		return err
	}
	if name == "mover-1" {
		name = "mover"
	}
	if !slices.Contains(services, name) {
		return fmt.Errorf("%s: %w; there are %s", name, ErrUnknown, strings.Join(services, ", "))
	}
	if frozen, err := ask(ctx, "ps", "--quiet", "--filter", "status=paused", "--filter", "label="+labelProject+"="+p.Name, "--filter", "label="+labelService+"="+name); err != nil {
		return err
	} else if frozen != "" {
		if err := p.run(ctx, askFor, "unpause", name); err != nil {
			return err
		}
	}
	if err := p.run(ctx, restartFor, "restart", "--no-deps", name); err != nil {
		return err
	}
	return p.awaitHealthy(ctx, name, "--no-deps")
}

// awaitHealthy starts a service where it does not run, and returns when it is healthy. If it does not become so its
// last words are shown.
func (p *Project) awaitHealthy(ctx context.Context, name string, flags ...string) error {
	args := append([]string{"up", "--detach", "--wait", "--no-recreate", "--no-build"}, flags...)
	err := p.run(ctx, restartFor, append(args, name)...)
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(p.Out, "%s is not healthy; the end of its log:\n", name)
		err = errors.Join(err, p.run(ctx, askFor, "logs", "--tail", "5", name))
	}
	return err
}

// services lists what the project runs for good: not what runs once, before.
func (p *Project) services(ctx context.Context) ([]string, error) {
	m, err := p.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, service := range m.Services {
		if _, set := service["profiles"]; service["restart"] != "no" && !set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// maxSecret bounds what is read of a file of a container, in bytes.
const maxSecret = 64 << 10

// AdminToken reads the admin token out of the router's container: whoever may speak to the engine may do so.
func (p *Project) AdminToken(ctx context.Context) (string, error) {
	id, err := p.container(ctx, "router")
	if err != nil {
		return "", err
	}
	archive, err := ask(ctx, "cp", id+":/run/cellway/own/admin-token", "-")
	if err != nil {
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	r := tar.NewReader(strings.NewReader(archive))
	if _, err := r.Next(); err != nil {
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxSecret))
	token := strings.TrimSpace(string(raw))
	if err != nil || token == "" {
		return "", fmt.Errorf("read the admin token: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return token, nil
}

// container is the ID of a service's container, running or not.
func (p *Project) container(ctx context.Context, service string) (string, error) {
	out, err := ask(ctx, "ps", "--all", "--quiet", "--filter", "label="+labelProject+"="+p.Name, "--filter", "label="+labelService+"="+service)
	if err != nil {
		return "", err
	}
	id, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	if id == "" {
		return "", fmt.Errorf("%s: %w (project %s)", service, ErrUnknown, p.Name)
	}
	return id, nil
}
