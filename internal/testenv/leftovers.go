package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
)

// Labels of every container that this package makes.
const (
	labelOurs  = "cellway.testenv"         // "1"
	labelHost  = "cellway.testenv.host"    // whose process
	labelPID   = "cellway.testenv.pid"     // which process
	labelSince = "cellway.testenv.started" // Unix seconds
)

// leftoverAfter is when anything is taken for left behind, whoever made it.
const leftoverAfter = 2 * time.Hour

func labels(now time.Time) map[string]string {
	return map[string]string{
		labelOurs: "1", labelHost: hostname(), labelPID: strconv.Itoa(os.Getpid()),
		labelSince: strconv.FormatInt(now.Unix(), 10),
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// leftBehind decides by a container's labels: its process on this machine is gone, or it is old.
func leftBehind(labels map[string]string, host string, alive func(pid int) bool, now time.Time) bool {
	if labels[labelOurs] != "1" {
		return false
	}
	if since, err := strconv.ParseInt(labels[labelSince], 10, 64); err != nil || now.Sub(time.Unix(since, 0)) > leftoverAfter {
		return true
	}
	pid, err := strconv.Atoi(labels[labelPID])
	return err != nil || labels[labelHost] == host && !alive(pid)
}

func processLives(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func (e *engine) removeLeftovers(ctx context.Context, now time.Time) error {
	found, err := e.cli.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", labelOurs+"=1"),
	})
	if err != nil {
		return fmt.Errorf("list containers that tests left behind: %w", err)
	}
	for _, c := range found.Items {
		if leftBehind(c.Labels, hostname(), processLives, now) {
			// Another process may be removing it at this moment: whether it is gone counts for nobody here.
			_ = e.removeContainer(ctx, c.ID)
		}
	}
	return e.removeEmptyLeftovers(ctx, now)
}

// removeEmptyLeftovers removes the networks and volumes that containers of such processes were on.
func (e *engine) removeEmptyLeftovers(ctx context.Context, now time.Time) error {
	ours := make(client.Filters).Add("label", labelOurs+"=1")
	networks, err := e.cli.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return fmt.Errorf("list networks that tests left behind: %w", err)
	}
	for _, n := range networks.Items {
		if leftBehind(n.Labels, hostname(), processLives, now) {
			_, _ = e.cli.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		}
	}
	volumes, err := e.cli.VolumeList(ctx, client.VolumeListOptions{Filters: ours})
	if err != nil {
		return fmt.Errorf("list volumes that tests left behind: %w", err)
	}
	for _, v := range volumes.Items {
		if leftBehind(v.Labels, hostname(), processLives, now) {
			_, _ = e.cli.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
		}
	}
	return nil
}

func (e *engine) removeContainer(ctx context.Context, id string) error {
	_, err := e.cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil {
		return fmt.Errorf("remove container %.12s: %w", id, err)
	}
	return nil
}

const scratchPrefix = "cellway-testenv-"

// makeScratch makes this process's directory for local servers and removes those of processes that are gone.
func makeScratch() (string, error) {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	if err != nil {
		return "", fmt.Errorf("list directories that tests left behind: %w", err)
	}
	for _, dir := range old {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), scratchPrefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && !processLives(n) {
			_ = os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp("", scratchPrefix+strconv.Itoa(os.Getpid())+"-*")
	if err != nil {
		return "", fmt.Errorf("make directory for servers: %w", err)
	}
	return dir, os.Chmod(dir, 0o755)
}
