package localserver

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
)

// orphanGoneIn is how long a start waits for the server of a parent that was killed: it is shutting down.
const orphanGoneIn = 15 * time.Second

// ErrDataInUse is returned when another live server has the data directory.
var ErrDataInUse = errors.New("another Postgres server is using the data")

// awaitUnused returns when no live server has the data directory. A postmaster.pid that a killed server left is
// removed if its process is gone or is by now something else: Postgres itself would refuse to start if another
// process of its user happened to have that number.
func awaitUnused(ctx context.Context, data string) error {
	path := filepath.Join(data, "postmaster.pid")
	ctx, cancel := context.WithTimeout(ctx, orphanGoneIn)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		pid := lockedBy(path)
		if pid == 0 {
			return nil
		}
		if !isServerOf(pid, data) {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove stale %s: %w", path, err)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w in %s: its process ID is %d", ErrDataInUse, data, pid)
		case <-tick.C:
		}
	}
}

// lockedBy is the process that the lock file names; 0 if there is no file, or it names none.
func lockedBy(path string) int {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}

// isServerOf reports whether the process is a live server on data. Where /proc does not tell, a live process is
// taken for one.
func isServerOf(pid int, data string) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	if _, err := os.Stat("/proc/self/cwd"); err != nil {
		return true
	}
	// A server's working directory is its data directory. A zombie has none.
	cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	real, errReal := filepath.EvalSymlinks(data)
	return err == nil && errReal == nil && cwd == real
}
