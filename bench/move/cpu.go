package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc's times on every Linux of today (USER_HZ).
const tick = 10 * time.Millisecond

// usage is what /proc says of one process.
type usage struct {
	parent    int
	own, gone time.Duration // gone: of children that have ended
}

// cpu is the processor time of the system's processes so far, by role. Postgres's is that of all its sessions.
func (b *bench) cpu() (map[string]time.Duration, error) {
	e, err := b.Endpoints()
	if err != nil {
		return nil, err
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	used := map[string]time.Duration{}
	for _, p := range e.Processes {
		role := strings.TrimRight(p.Name, "-0123456789") + "s"
		switch {
		case p.Name == "router" || p.Name == "consul":
			role = p.Name
		case strings.HasPrefix(p.Name, "cell-"):
			role = "cells"
		case p.Name == "postgres":
			role = p.Name
			used[role] += all[p.PID].gone
			for _, u := range all {
				if u.parent == p.PID {
					used[role] += u.own
				}
			}
		}
		used[role] += all[p.PID].own
	}
	return used, nil
}

func processes() (map[int]usage, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("processor times need Linux's /proc: %w", err)
	}
	all := map[int]usage{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if u, ok := parseStat(string(raw)); ok {
			all[pid] = u
		}
	}
	return all, nil
}

// parseStat reads /proc/PID/stat, whose second field, the name, may hold anything; see proc_pid_stat(5).
func parseStat(line string) (usage, bool) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 15 {
		return usage{}, false
	}
	n := func(i int) time.Duration {
		v, _ := strconv.ParseInt(fields[i-3], 10, 64) // fields are numbered from 1, and two are cut off
		return time.Duration(v)
	}
	return usage{parent: int(n(4)), own: (n(14) + n(15)) * tick, gone: (n(16) + n(17)) * tick}, true
}
