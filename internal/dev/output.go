package dev

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
)

const (
	// maxLine bounds a line that never ends, in bytes.
	maxLine = 64 << 10
	// maxLog bounds a log file, in bytes; a full one is kept once, as .old.
	maxLog = 16 << 20
)

// console is the one writer to the terminal: whole lines, from many children.
type console struct {
	mu  sync.Mutex
	out io.Writer
}

func (c *console) line(prefix string, line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A terminal that has gone away must not end the system.
	_, _ = fmt.Fprintf(c.out, "%-9s | %s\n", prefix, line)
}

func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.out, format+"\n", args...)
}

// childLog takes a child's output: all of it to the child's own file, and line by line to the console, with the
// child's name in front.
type childLog struct {
	name string
	con  *console
	show func(line []byte) bool // which lines the console gets; nil: all

	mu   sync.Mutex
	file *os.File
	size int64
	rest []byte
}

// serious are the lines of Postgres and Consul that a person should see at once. The rest is in their log files:
// both tell of much that is as it should be (a write that was refused by a fence, a check that is late).
var serious = regexp.MustCompile(`(FATAL|PANIC): |\[ERROR\]`) //nolint:gochecknoglobals // compiled once

// openLog opens a part's log file: empty at the start of a run, and then, over restarts, with what was there, which
// may say why the last process ended.
func (s *supervisor) openLog(p *part) (*childLog, error) {
	mode := os.O_TRUNC
	if !s.firstStart() {
		mode = os.O_APPEND
	}
	l := &childLog{name: p.name, con: s.con}
	if p.kind == kindPostgres || p.kind == kindConsul {
		l.show = func(line []byte) bool { return serious.Match(line) && !s.isStopping() }
	}
	f, err := os.OpenFile(s.logPath(p.name), os.O_CREATE|os.O_WRONLY|mode, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", p.name, err)
	}
	if info, err := f.Stat(); err == nil {
		l.size = info.Size()
	}
	l.file = f
	return l, nil
}

func (s *supervisor) logPath(name string) string { return s.cfg.path("logs", name+".log") }

// Write never fails: a child must not die of its log.
func (l *childLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.keep(p); err != nil {
		l.con.say("log of %s: %v", l.name, err)
	}
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		switch {
		case i >= 0:
			l.print(l.rest[:i])
			l.rest = l.rest[i+1:]
		case len(l.rest) > maxLine:
			l.print(l.rest)
			l.rest = nil
		default:
			return len(p), nil
		}
	}
}

func (l *childLog) keep(p []byte) error {
	if l.size+int64(len(p)) > maxLog && l.size > 0 {
		path := l.file.Name()
		if err := os.Rename(path, path+".old"); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		_ = l.file.Close()
		l.file, l.size = f, 0
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return err
}

func (l *childLog) print(line []byte) {
	if l.show == nil || l.show(line) {
		l.con.line(l.name, line)
	}
}

// Close prints what the child wrote last without ending the line, and closes the file.
func (l *childLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.print(l.rest)
		l.rest = nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("log of %s: %w", l.name, err)
	}
	return nil
}
