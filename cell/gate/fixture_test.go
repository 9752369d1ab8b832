package gate

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

const testPartitions = 4

var errTestKey = errors.New("bad key")

// fixture is a gate whose requests carry their partition's key in the path: /k/<key>.
type fixture struct {
	*Gate
	tb      testing.TB
	refused []protocol.State
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	f := &fixture{tb: tb}
	g, err := New(Config{
		Cell: "cell-a", Partitions: testPartitions, AnswerLimit: 16,
		Key: func(r *http.Request) (string, bool, error) {
			key, ok := strings.CutPrefix(r.URL.Path, "/k/")
			if ok && key == "" {
				return "", false, errTestKey
			}
			return key, ok, nil
		},
		Keyless:   func(r *http.Request) bool { return r.URL.Path == "/open" },
		OnRefused: func(_ placement.Partition, s protocol.State) { f.refused = append(f.refused, s) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	f.Gate = g
	return f
}

// serving is a gate with a lease of 5 s that knows every partition as owned.
func serving(tb testing.TB) *fixture {
	tb.Helper()
	f := newFixture(tb)
	f.acquire(time.Now().Add(5 * time.Second))
	return f
}

func (f *fixture) acquire(until time.Time) {
	f.tb.Helper()
	passed, err := f.Acquire(until, func() ([]protocol.Row, error) { return allOwned(), nil })
	if err != nil || len(passed) != 0 {
		f.tb.Fatalf("acquire: %v, passed %v", err, passed)
	}
}

func allOwned() []protocol.Row {
	rows := make([]protocol.Row, testPartitions)
	for i := range rows {
		rows[i] = protocol.Row{Partition: placement.Partition(i), State: protocol.StateOwned, Epoch: 1}
	}
	return rows
}

// know makes the gate read the row.
func (f *fixture) know(row protocol.Row) {
	f.tb.Helper()
	if !f.Apply(f.BeginLoad(row.Partition), row) {
		f.tb.Fatalf("row %+v was not applied", row)
	}
}

// ask sends one request for the partition; the application answers "done".
func (f *fixture) ask(method string, p placement.Partition) *httptest.ResponseRecorder {
	return f.askApp(method, "/k/"+keyOf(p), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "done")
	}))
}

func (f *fixture) askApp(method, path string, app http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, http.NoBody)
	r.Header.Set(protocol.HeaderRequestID, "req-1")
	f.Handler(app).ServeHTTP(w, r)
	return w
}

// keyOf finds a key of the partition.
func keyOf(p placement.Partition) string {
	for c := 'a'; ; c++ {
		if placement.PartitionOf(string(c), testPartitions) == p {
			return string(c)
		}
	}
}

func wantStatus(tb testing.TB, what string, w *httptest.ResponseRecorder, status int) {
	tb.Helper()
	if w.Code != status {
		tb.Errorf("%s: status %d, want %d; body %s", what, w.Code, status, w.Body)
	}
	if got := w.Header().Get(protocol.HeaderCell); got != "cell-a" {
		tb.Errorf("%s: %s is %q", what, protocol.HeaderCell, got)
	}
}

func wantFenced(tb testing.TB, what string, w *httptest.ResponseRecorder) {
	tb.Helper()
	wantStatus(tb, what, w, http.StatusServiceUnavailable)
	if w.Header().Get(protocol.HeaderFenced) != "1" || w.Header().Get("Retry-After") == "" {
		tb.Errorf("%s: not marked as fenced: %v", what, w.Header())
	}
}

func bodyOf(tb testing.TB, w *httptest.ResponseRecorder) errorBody {
	tb.Helper()
	var body errorBody
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		tb.Fatalf("body %q: %v", w.Body, err)
	}
	return body
}

// stuck is an application that holds a request until it is told to go on.
type stuck struct {
	entered chan struct{}
	goOn    chan struct{}
	result  chan *httptest.ResponseRecorder
}

// holdInside admits a request and leaves it inside.
func (f *fixture) holdInside(method string, p placement.Partition) stuck {
	f.tb.Helper()
	s := stuck{make(chan struct{}), make(chan struct{}), make(chan *httptest.ResponseRecorder, 1)}
	go func() {
		s.result <- f.askApp(method, "/k/"+keyOf(p), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(s.entered)
			<-s.goOn
			_, _ = io.WriteString(w, "late")
		}))
	}()
	<-s.entered
	return s
}

func (s stuck) release() *httptest.ResponseRecorder {
	close(s.goOn)
	return <-s.result
}

// pass lets a synctest bubble's time go by.
func pass(d time.Duration) { <-time.After(d) }
