package localserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// envParent makes the test binary a parent that starts a child, prints its process ID, and waits to be killed.
const envParent = "LOCALSERVER_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(envParent) != "" {
		p, err := StartProcess(Spec{Name: "child", Path: "/bin/sleep", Args: []string{"300"}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		<-p.Done()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func shell(t *testing.T, script string, spec Spec) *Process {
	t.Helper()
	spec.Name, spec.Path, spec.Args = "child", "/bin/sh", []string{"-c", script}
	p, err := StartProcess(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// eventually polls until ok, and fails the test after a generous time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		if ok() {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen", what)
		}
	}
}

func TestProcessSaysHowItEnded(t *testing.T) {
	for script, want := range map[string]string{
		"exit 0":        "exit status 0",
		"exit 3":        "exit status 3",
		"kill -TERM $$": "killed by signal terminated",
	} {
		p := shell(t, script, Spec{})
		<-p.Done()
		if got := p.End(); got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

func TestProcessPassesOnItsOutput(t *testing.T) {
	var out bytes.Buffer
	p := shell(t, "echo one; echo two >&2", Spec{Output: &out})
	<-p.Done()
	if got := out.String(); got != "one\ntwo\n" {
		t.Errorf("output %q", got)
	}
}

func TestStop(t *testing.T) {
	t.Run("asks first", func(t *testing.T) {
		var out bytes.Buffer
		p := shell(t, "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done", Spec{Output: &out, StopFor: 20 * time.Second})
		awaitTrap(t, p)
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if p.End() != "exit status 7" {
			t.Errorf("ended by %s", p.End())
		}
	})
	t.Run("kills one that does not listen, and says so", func(t *testing.T) {
		p := shell(t, "trap '' TERM; while :; do sleep 0.01; done", Spec{StopFor: 50 * time.Millisecond})
		awaitTrap(t, p)
		if err := p.Stop(t.Context()); err == nil {
			t.Error("no error")
		}
		if p.End() != "killed by signal killed" {
			t.Errorf("ended by %s", p.End())
		}
	})
	t.Run("reaches one that is frozen", func(t *testing.T) {
		p := shell(t, "sleep 300", Spec{StopFor: 20 * time.Second})
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("is nothing for one that has ended", func(t *testing.T) {
		p := shell(t, "exit 0", Spec{})
		<-p.Done()
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("waits no longer than its context", func(t *testing.T) {
		p := shell(t, "trap '' TERM; while :; do sleep 0.01; done", Spec{StopFor: time.Hour})
		awaitTrap(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Stop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

// awaitTrap waits until the shell handles or ignores SIGTERM.
func awaitTrap(t *testing.T, p *Process) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	const term = uint64(1) << (uint64(syscall.SIGTERM) - 1)
	eventually(t, "trap", func() bool {
		raw, _ := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
		for line := range strings.Lines(string(raw)) {
			mask, ok := strings.CutPrefix(line, "SigCgt:")
			if !ok {
				mask, ok = strings.CutPrefix(line, "SigIgn:")
			}
			if n, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64); ok && err == nil && n&term != 0 {
				return true
			}
		}
		return false
	})
}

func TestStartProcessNamesWhatCannotBeStarted(t *testing.T) {
	_, err := StartProcess(Spec{Name: "ghost", Path: "/nonexistent/ghost"})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "start ghost") {
		t.Errorf("err = %v", err)
	}
}

func TestChildDiesWithItsKilledParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends children with their parent")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), envParent+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatalf("read child's process ID: %v", err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the child is not there: %v", err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	eventually(t, "end of the child", func() bool {
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(raw), ") Z ")
	})
}
