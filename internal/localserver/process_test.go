package localserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
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
		p := trapped(t, "'exit 7'", 20*time.Second)
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if p.End() != "exit status 7" {
			t.Errorf("ended by %s", p.End())
		}
	})
	t.Run("kills one that does not listen, and says so", func(t *testing.T) {
		p := trapped(t, "''", 50*time.Millisecond)
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
		p := trapped(t, "''", time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Stop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}

// voice is the output of a child that says when it is up.
type voice struct {
	once sync.Once
	up   chan struct{}
}

func newVoice() *voice { return &voice{up: make(chan struct{})} }

// Write implements io.Writer.
func (v *voice) Write(b []byte) (int, error) {
	v.once.Do(func() { close(v.up) })
	return len(b), nil
}

// trapped starts a shell that treats SIGTERM so, and waits until it does.
func trapped(t *testing.T, trap string, stopFor time.Duration) *Process {
	t.Helper()
	v := newVoice()
	p := shell(t, "trap "+trap+" TERM; echo up; while :; do sleep 0.01; done", Spec{Output: v, StopFor: stopFor})
	select {
	case <-v.up:
	case <-time.After(20 * time.Second):
		t.Fatal("the shell is not up")
	}
	return p
}

func TestStartProcessNamesWhatCannotBeStarted(t *testing.T) {
	_, err := StartProcess(Spec{Name: "ghost", Path: "/nonexistent/ghost"})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "start ghost") {
		t.Errorf("err = %v", err)
	}
}
