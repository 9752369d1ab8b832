package localserver

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cellway/cellway/internal/localserver/consulmodule"
)

// buildConsul builds the pinned version into the cache and returns its path. Of several processes at once one
// builds; the others wait for it.
func buildConsul(ctx context.Context, progress io.Writer) (string, error) {
	target, err := builtConsul()
	if err != nil {
		return "", err
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("%w: install Consul 1.%d or newer (https://developer.hashicorp.com/consul/install), or Go, which then builds it", ErrNoConsul, MinConsulMinor)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return "", fmt.Errorf("build Consul: %w", err)
	}
	unlock, err := lockFile(ctx, target+".lock")
	if err != nil {
		return "", fmt.Errorf("build Consul: wait for another build: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	began := time.Now()
	fmt.Fprintf(progress, "building Consul %s, once: 2 to 5 minutes ...\n", consulmodule.Version)
	if err := compileConsul(ctx, goTool, target); err != nil {
		return "", err
	}
	fmt.Fprintf(progress, "built Consul %s in %v: %s\n", consulmodule.Version, time.Since(began).Round(time.Second), target)
	return target, nil
}

func compileConsul(ctx context.Context, goTool, target string) error {
	dir, err := os.MkdirTemp("", "cellway-consul-*")
	if err != nil {
		return fmt.Errorf("build Consul: %w", err)
	}
	defer os.RemoveAll(dir)
	for name, content := range map[string][]byte{"go.mod": consulmodule.Mod, "go.sum": consulmodule.Sum} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("build Consul: %w", err)
		}
	}
	// Built beside its place and renamed: a build that is killed leaves nothing that looks finished.
	making := target + ".new"
	cmd := exec.CommandContext(ctx, goTool, "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", making, consulmodule.Package)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr, syscall.SIGTERM)
	// Cancelled, go itself ends its compilers.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	if out, err := runOnOwnThread(cmd); err != nil {
		return fmt.Errorf("build Consul: go build: %w: %s", err, lastLines(out, 5))
	}
	if err := os.Rename(making, target); err != nil {
		return fmt.Errorf("build Consul: %w", err)
	}
	return nil
}

// lockFile takes an exclusive lock that ends with this process at the latest.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(10 * pollEvery)
	defer tick.Stop()
	for {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
