package gate

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cellway/cellway/internal/protocol"
)

func TestCloseWrites_opens_by_itself_at_its_deadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serving(t)
		f.CloseWrites(0, time.Now().Add(time.Second))
		wantFenced(t, "write", f.ask("PUT", 0))
		wantStatus(t, "read", f.ask("GET", 0), 200)
		pass(time.Second - 1)
		wantFenced(t, "write just before", f.ask("PUT", 0))
		pass(1)
		wantStatus(t, "write after", f.ask("PUT", 0), 200)
	})
}

func TestOpen_forgets_the_close_but_not_the_fence(t *testing.T) {
	f := serving(t)
	f.CloseWrites(0, time.Now().Add(time.Hour))
	f.Open(0)
	wantStatus(t, "opened", f.ask("PUT", 0), 200)
	f.know(protocol.Row{State: protocol.StateFenced, FenceNo: 1})
	f.Open(0)
	wantFenced(t, "fenced", f.ask("PUT", 0))
}

func TestCloseWrites_ends_with_the_fence_that_it_was_for(t *testing.T) {
	f := serving(t)
	owned := protocol.Row{State: protocol.StateOwned}
	f.CloseWrites(0, time.Now().Add(time.Hour))
	f.know(owned)
	wantFenced(t, "the row was read before the fence", f.ask("PUT", 0))
	f.know(protocol.Row{State: protocol.StateFenced, FenceNo: 1})
	f.know(owned)
	wantStatus(t, "the fence was released", f.ask("PUT", 0), 200)

	f.know(protocol.Row{State: protocol.StateFenced, FenceNo: 2})
	f.CloseWrites(0, time.Now().Add(time.Hour))
	f.know(owned)
	wantFenced(t, "closed again after the fence", f.ask("PUT", 0))
}

func TestWaitWrites_waits_for_those_inside_and_for_nothing_else(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serving(t)
		write, read, other := f.holdInside("PUT", 0), f.holdInside("GET", 0), f.holdInside("PUT", 1)
		f.CloseWrites(0, time.Now().Add(time.Hour))
		done := make(chan bool)
		go func() { _, ok := f.WaitWrites(t.Context(), 0); done <- ok }()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("did not wait for the write")
		default:
		}
		write.release()
		if !<-done {
			t.Error("not ok though the write has ended")
		}
		wantStatus(t, "read", read.release(), 200)
		wantStatus(t, "other partition", other.release(), 200)
	})
}

func TestWaitWrites_names_what_is_still_inside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serving(t)
		write := f.holdInside("PUT", 0)
		pass(1200 * time.Millisecond)
		f.CloseWrites(0, time.Now().Add(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		inFlight, ok := f.WaitWrites(ctx, 0)
		if ok || len(inFlight) != 1 || inFlight[0] != "PUT /k/"+keyOf(0)+", 1.3s" {
			t.Errorf("ok %v, in flight %q", ok, inFlight)
		}
		write.release()
	})
}

func TestWaitWrites_is_not_ok_when_the_door_opened_meanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serving(t)
		write := f.holdInside("PUT", 0)
		f.CloseWrites(0, time.Now().Add(time.Second))
		done := make(chan bool)
		go func() { _, ok := f.WaitWrites(t.Context(), 0); done <- ok }()
		pass(2 * time.Second)
		write.release()
		if <-done {
			t.Error("ok, but writes may be inside again")
		}
	})
}

func TestWaitWrites_after_a_panic_in_the_application(t *testing.T) {
	f := serving(t)
	func() {
		defer func() { _ = recover() }()
		f.askApp("PUT", "/k/"+keyOf(0), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	}()
	f.CloseWrites(0, time.Now().Add(time.Hour))
	if inFlight, ok := f.WaitWrites(t.Context(), 0); !ok {
		t.Errorf("still inside: %v", inFlight)
	}
}

func TestWaitWrites_names_few_and_short(t *testing.T) {
	f := serving(t)
	held := make([]stuck, 0, namedFlights+5)
	for range cap(held) {
		held = append(held, f.holdInside("PUT", 0))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if inFlight, _ := f.WaitWrites(ctx, 0); len(inFlight) != namedFlights {
		t.Errorf("%d named", len(inFlight))
	}
	for _, s := range held {
		s.release()
	}
	long := flights{first: &flight{path: strings.Repeat("x", 4000)}}
	if name := long.names(time.Now())[0]; len(name) > namedPathSize+50 {
		t.Errorf("a name of %d bytes", len(name))
	}
}

func TestCloseReads_is_lifted_only_by_a_later_row(t *testing.T) {
	f := serving(t)
	fence := protocol.Row{State: protocol.StateFenced, FenceNo: 7}
	marked := fence
	marked.ReadFence = 7
	f.know(fence)
	wantStatus(t, "before", f.ask("GET", 0), 200)

	early := f.BeginLoad(0)
	f.CloseReads(0, 7)
	wantFenced(t, "closed", f.ask("GET", 0))
	if f.Apply(early, fence) {
		t.Error("a row that was read before the close was applied")
	}
	wantFenced(t, "after the early row", f.ask("GET", 0))
	f.Open(0)
	wantFenced(t, "after Open, which is for writes", f.ask("GET", 0))
	f.know(marked)
	wantFenced(t, "still fenced under that number", f.ask("GET", 0))
	f.know(protocol.Row{State: protocol.StateOwned})
	wantStatus(t, "released", f.ask("GET", 0), 200)
	wantStatus(t, "released, write", f.ask("PUT", 0), 200)
}

func TestCloseReads_late_order_does_not_replace_a_newer_one(t *testing.T) {
	f := serving(t)
	f.CloseReads(0, 8)
	f.CloseReads(0, 7)
	f.know(protocol.Row{State: protocol.StateFenced, FenceNo: 8, ReadFence: 8})
	wantFenced(t, "read", f.ask("GET", 0))
}

func TestCloseReads_closes_a_door_that_believes_it_owns(t *testing.T) {
	f := serving(t)
	f.CloseReads(0, 8)
	wantFenced(t, "read", f.ask("GET", 0))
	wantFenced(t, "write", f.ask("PUT", 0))
}

func TestWaitReads_waits_for_reads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serving(t)
		read := f.holdInside("GET", 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if inFlight, ok := f.WaitReads(ctx, 0); ok || len(inFlight) != 1 {
			t.Errorf("ok %v, in flight %v", ok, inFlight)
		}
		read.release()
		if _, ok := f.WaitReads(t.Context(), 0); !ok {
			t.Error("not ok, but nothing is inside")
		}
	})
}
