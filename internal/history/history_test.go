package history

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/load"
)

const limit = time.Minute

// done makes an operation of customer "x" from call to end.
func done(call, end int64, kind load.Kind, n, status, read int) load.Operation {
	return load.Operation{Customer: "x", Kind: kind, N: n, Status: status, Read: read, Call: call, Return: end}
}

func create(call, end int64, n, status int) load.Operation {
	return done(call, end, load.KindCreate, n, status, 0)
}

func write(call, end int64, n, status int) load.Operation {
	return done(call, end, load.KindWrite, n, status, 0)
}

func remove(call, end int64, status int) load.Operation {
	return done(call, end, load.KindDelete, 0, status, 0)
}

func read(call, end int64, n int) load.Operation { return done(call, end, load.KindRead, 0, 200, n) }

func absent(call, end int64) load.Operation { return done(call, end, load.KindRead, 0, 404, 0) }

func TestAHistoryThatNoOrderExplainsIsFound(t *testing.T) {
	for name, ops := range map[string][]load.Operation{
		"a stale read after an acknowledged write": {create(0, 1, 1, 201), write(2, 3, 2, 200), read(4, 5, 1)},
		"a lost write":                                {create(0, 1, 1, 201), write(2, 3, 2, 200), read(4, 5, 2), read(6, 7, 1)},
		"a lost customer":                             {create(0, 1, 1, 201), absent(2, 3)},
		"a deleted customer that is back":             {create(0, 1, 1, 201), remove(2, 3, 204), read(4, 5, 1)},
		"a refused write that was done":               {create(0, 1, 1, 201), write(2, 3, 2, 503), read(4, 5, 2)},
		"an open write that was done and taken back":  {create(0, 1, 1, 201), write(2, 3, 2, 502), read(4, 5, 2), read(6, 7, 1)},
		"an open write done before its call":          {create(0, 1, 1, 201), read(2, 3, 2), write(4, 5, 2, 0)},
		"two reads in two orders of concurrent write": {create(0, 1, 1, 201), write(2, 9, 2, 200), read(3, 4, 2), read(5, 6, 1)},
		"created twice":                               {create(0, 1, 1, 201), create(2, 3, 2, 201)},
		"a conflict with nobody":                      {create(0, 1, 1, 409)},
		"a write refused as absent":                   {create(0, 1, 1, 201), write(2, 3, 2, 404)},
		"deleted twice":                               {create(0, 1, 1, 201), remove(2, 3, 204), remove(4, 5, 204)},
	} {
		t.Run(name, func(t *testing.T) {
			other := create(0, 1, 1, 201)
			other.Customer = "y"
			err := Check(append(ops, other), limit)
			if !errors.Is(err, ErrIllegal) || !strings.Contains(err.Error(), "1 customers: x\n") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAHistoryThatAnOrderExplainsIsLegal(t *testing.T) {
	for name, ops := range map[string][]load.Operation{
		"one after the other":                 {create(0, 1, 1, 201), write(2, 3, 2, 200), read(4, 5, 2), remove(6, 7, 204), absent(8, 9), create(10, 11, 3, 201), read(12, 13, 3)},
		"a read beside a write, old":          {create(0, 1, 1, 201), write(2, 9, 2, 200), read(3, 8, 1), read(10, 11, 2)},
		"a read beside a write, new":          {create(0, 1, 1, 201), write(2, 9, 2, 200), read(3, 8, 2)},
		"an open write that was done late":    {create(0, 1, 1, 201), write(2, 3, 2, 502), read(4, 5, 1), read(6, 7, 2)},
		"an open write that was never done":   {create(0, 1, 1, 201), write(2, 3, 2, 0), read(4, 5, 1), read(6, 7, 1)},
		"an open delete that was done":        {create(0, 1, 1, 201), remove(2, 3, 502), absent(4, 5), write(6, 7, 4, 404)},
		"a refusal, and a read without words": {create(0, 1, 1, 201), write(2, 3, 2, 503), done(2, 3, load.KindRead, 0, 0, 0), read(4, 5, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Check(ops, limit); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASearchThatDoesNotEndIsNoSuccess(t *testing.T) {
	var ops []load.Operation
	for i := range 40 {
		ops = append(ops, create(0, 1_000_000, i+1, 0), write(0, 1_000_000, i+100, 0), remove(0, 1_000_000, 0))
	}
	ops = append(ops, read(2_000_000, 2_000_001, 4711))
	if err := Check(ops, time.Nanosecond); !errors.Is(err, ErrUnknown) {
		t.Errorf("error %v", err)
	}
}

func TestAWeakHistoryIsToldFromALegalOne(t *testing.T) {
	ops := []load.Operation{create(0, 10, 1, 201), read(5, 7, 1), read(20, 30, 1), write(40, 50, 2, 503)}
	for name, c := range map[string]struct {
		need Need
		want string
	}{
		"enough":            {Need{Operations: 3, Concurrent: 1, Spans: []Span{{100, 200}, {25, 26}}}, ""},
		"few operations":    {Need{Operations: 4}, "too weak: 3 operations, want 4"},
		"nothing meets":     {Need{Concurrent: 2}, "too weak: 1 operations met another"},
		"nothing in flight": {Need{Spans: []Span{{31, 39}, {60, 70}}}, "too weak: nothing was in flight in any of 2"},
		"no move":           {Need{Spans: []Span{}}, "too weak: nothing was in flight in any of 0"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.need.Missing(ops)
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrWeak) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestJudgeKeepsAFailedHistoryForLater(t *testing.T) {
	dir := t.TempDir()
	ops := []load.Operation{create(0, 1, 1, 201), absent(2, 3)}
	err := Judge(dir, ops, Need{Operations: 100}, limit)
	if !errors.Is(err, ErrIllegal) || !errors.Is(err, ErrWeak) {
		t.Fatalf("error %v", err)
	}
	files, _ := os.ReadDir(dir)
	if len(files) != 1 || !strings.Contains(err.Error(), dir+"/"+files[0].Name()) {
		t.Fatalf("files %v, error %v", files, err)
	}
	back, err := Read(dir + "/" + files[0].Name())
	if err != nil || !slices.Equal(back, ops) {
		t.Errorf("read back %v, %v", back, err)
	}
	if err := Judge(dir, ops[:1], Need{Operations: 1}, limit); err != nil {
		t.Error(err)
	}
}

func TestRecorderKeepsAllOfACustomerOrNothing(t *testing.T) {
	r := NewRecorder(10)
	kept := 0
	for i := range 1000 {
		if r.Wants(load.ID("load", i)) {
			kept++
		}
	}
	if kept < 50 || kept > 200 {
		t.Errorf("%d of 1000 kept, wanted one in ten", kept)
	}
	began := time.Now()
	r.Record(began, read(0, 0, 1))
	op := r.Operations()[0]
	span := r.Spans([2]time.Time{began, began.Add(time.Second)})[0]
	if op.Call < 0 || op.Return < op.Call || op.Return < span.From || op.Call > span.To {
		t.Errorf("operation %+v, span %+v", op, span)
	}
}

// TestReplay checks saved histories again: go test -run TestReplay ./internal/history -args FILE... Without a file it saves a
// small one.
func TestReplay(t *testing.T) {
	files := flag.Args()
	if len(files) == 0 {
		path, err := Save(t.TempDir(), []load.Operation{create(0, 1, 1, 201), read(2, 3, 1)})
		if err != nil {
			t.Fatal(err)
		}
		files = []string{path}
	}
	for _, path := range files {
		ops, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(ops, 10*time.Minute); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		t.Logf("%s: %d operations", path, len(ops))
	}
}
