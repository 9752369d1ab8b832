package dev

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
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

// childLog takes a child's output: to the console with the child's name in front, and to its own file.
type childLog struct {
	name string
	con  *console
	file *os.File

	mu   sync.Mutex
	rest []byte
}

// maxLine bounds a line that never ends.
const maxLine = 64 << 10

func newChildLog(con *console, name, path string) (*childLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	return &childLog{name: name, con: con, file: f}, nil
}

func (l *childLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(p); err != nil {
		l.con.say("log of %s: %v", l.name, err)
	}
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) > maxLine {
			i = len(l.rest) - 1
		}
		if i < 0 {
			return len(p), nil
		}
		l.con.line(l.name, l.rest[:i])
		l.rest = l.rest[i+1:]
	}
}

func (l *childLog) Close() error { return l.file.Close() }
