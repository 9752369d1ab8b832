package localserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// drainWait bounds how long the output of a child that has ended is waited for: its own children may keep the
// pipe open.
const drainWait = time.Second

// Spec says what to start.
type Spec struct {
	Name    string              // for messages
	Path    string              // the binary
	Args    []string            // without the binary's own name
	Env     []string            // the whole environment; nothing is inherited
	Dir     string              // working directory; "" is the parent's
	Output  io.Writer           // gets both stdout and stderr; nil: dropped
	User    *syscall.Credential // another user to run as; nil: this one
	Orphan  syscall.Signal      // what the kernel sends when the parent dies (Linux only); 0: SIGKILL
	StopBy  syscall.Signal      // what Stop sends first; 0: SIGTERM
	StopFor time.Duration       // how long Stop waits before it kills; 0: 10 s
}

// Process is a running child. All methods may be called from several goroutines.
type Process struct {
	spec Spec
	cmd  *exec.Cmd
	done chan struct{}
	end  string // how it ended; set before done is closed
}

// StartProcess starts a child and returns when it runs (which says nothing about its being ready).
func StartProcess(spec Spec) (*Process, error) {
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	cmd.Stdout, cmd.Stderr = spec.Output, spec.Output
	cmd.WaitDelay = drainWait
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: spec.User}
	if spec.Orphan == 0 {
		spec.Orphan = syscall.SIGKILL
	}
	endWithParent(cmd.SysProcAttr, spec.Orphan)
	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return p, nil
}

// run stays for the child's life on the thread that started it: the kernel takes that thread's end, not the
// process's, for the parent's death.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	err := p.cmd.Wait()
	p.end = describeEnd(p.cmd.ProcessState, err)
	close(p.done)
}

func describeEnd(state *os.ProcessState, err error) string {
	if state == nil {
		return fmt.Sprintf("lost: %v", err)
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "killed by signal " + ws.Signal().String()
	}
	return fmt.Sprintf("exit status %d", state.ExitCode())
}

// PID of the child; it may have ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// End says how the child ended ("exit status 1", "killed by signal killed"); "" while it runs.
func (p *Process) End() string {
	select {
	case <-p.done:
		return p.end
	default:
		return ""
	}
}

// Signal sends a signal to the child; to one that has ended it does nothing.
func (p *Process) Signal(sig syscall.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.spec.Name, err)
	}
	return nil
}

// Kill ends the child at once, with all of its process group, and returns when it is gone.
func (p *Process) Kill() {
	select {
	case <-p.done:
		return
	default:
	}
	// The group's number is the child's, and stays taken until the child has been waited for.
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
}

// Stop asks the child to end and waits, at most for Spec.StopFor and until ctx is done; then it kills. It returns
// when the child is gone, with an error if it had to be killed.
func (p *Process) Stop(ctx context.Context) error {
	sig, wait := p.spec.StopBy, p.spec.StopFor
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	if wait == 0 {
		wait = 10 * time.Second
	}
	err := p.Signal(sig)
	if err == nil {
		err = p.Signal(syscall.SIGCONT) // one that was stopped (SIGSTOP) would not hear the first
	}
	if err == nil && p.endsWithin(ctx, wait) {
		return nil
	}
	p.Kill()
	if err == nil {
		err = killed(ctx, p.spec.Name)
	}
	return err
}

// killed says why a process was killed: the caller would not wait, or it did not end in time.
func killed(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stop %s: killed: %w", name, ctx.Err())
	}
	return fmt.Errorf("stop %s: did not end in time, killed", name)
}

func (p *Process) endsWithin(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}
