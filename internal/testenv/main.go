package testenv

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Option changes what Main does.
type Option func(*runner)

// CheckLeaks makes Main fail the run if goroutines are left when all tests have passed and the servers have stopped.
func CheckLeaks(opts ...goleak.Option) Option {
	return func(r *runner) { r.check, r.leaks = true, opts }
}

// Main runs a package's tests, stops the shared servers, and exits the process. Every package that uses this one
// calls it in its TestMain.
func Main(m *testing.M, opts ...Option) {
	r := &runner{m: m}
	for _, opt := range opts {
		opt(r)
	}
	if !r.check {
		os.Exit(r.Run())
	}
	goleak.VerifyTestMain(r, r.leaks...)
}

type runner struct {
	m     *testing.M
	check bool
	leaks []goleak.Option
}

// Run makes runner what goleak runs: it looks for leaks afterwards.
func (r *runner) Run() int {
	code := r.m.Run()
	if err := env.close(); err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = max(code, 1)
	}
	return code
}
