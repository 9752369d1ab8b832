package localserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Freeze stops the server and every process of its sessions (SIGSTOP): connections stay open, nothing answers.
func (p *Postgres) Freeze() error { return p.signalTree(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (p *Postgres) Thaw() error { return p.signalTree(syscall.SIGCONT) }

// signalTree reaches the sessions' processes too, each of which leads a process group of its own. Without /proc
// it reaches the server alone, which then takes no new connections.
func (p *Postgres) signalTree(sig syscall.Signal) error {
	// The server first: stopped, it starts no more children.
	if err := p.Signal(sig); err != nil {
		return err
	}
	for _, pid := range childrenOf(p.PID()) {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal a process of postgres: %w", err)
		}
	}
	return nil
}

func childrenOf(parent int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var pids []int
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (name) state ppid ...: the name may hold anything, a bracket too.
		_, rest, _ := bytes.Cut(raw, []byte("("))
		fields := bytes.Fields(rest[bytes.LastIndexByte(rest, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
