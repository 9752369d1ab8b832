package load

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
)

// api is the customers' API from a map; spoil may answer in its place, or change what it holds.
type api struct {
	mu     sync.Mutex
	held   map[string]string
	spoil  func(a *api, w http.ResponseWriter, method, id string) bool
	left   int    // requests until enough is called
	enough func() // ends the load
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left--; a.left == 0 {
		a.enough()
	}
	id := path.Base(r.URL.Path)
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Cellway-Cell", "cell-a")
	if a.spoil != nil && a.spoil(a, w, r.Method, id) {
		return
	}
	var in struct{ Profile json.RawMessage }
	_ = json.Unmarshal(body, &in)
	_, exists := a.held[id]
	switch {
	case r.Method == http.MethodPost && exists:
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodPost:
		a.held[id] = string(in.Profile)
		w.WriteHeader(http.StatusCreated)
	case !exists:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPut:
		a.held[id] = string(in.Profile)
	case r.Method == http.MethodDelete:
		delete(a.held, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		_, _ = io.WriteString(w, `{"profile":`+a.held[id]+`}`)
	}
}

// runAgainst fills with customers whose number the workers do not divide, then writes and reads until 2000 requests came.
func runAgainst(t *testing.T, spoil func(a *api, w http.ResponseWriter, method, id string) bool) (*Load, Stats) {
	t.Helper()
	a := &api{held: map[string]string{}}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	l := New(s.URL, NewModel())
	if err := l.Fill(t.Context(), "load", 21, 4); err != nil {
		t.Fatal(err)
	}
	if filled := l.Take(); filled.Operations != 21 || filled.ByStatus[http.StatusCreated] != 21 {
		t.Fatalf("filled: %s", filled)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a.mu.Lock()
	a.spoil, a.left, a.enough = spoil, 2000, cancel
	a.mu.Unlock()
	l.Run(ctx, "load", 21, 4)
	return l, l.Take()
}

func TestSoundSystemIsSpotless(t *testing.T) {
	l, s := runAgainst(t, nil)
	if s.ErrorCount() != 0 || len(s.Failed) != 0 || len(s.Wrong) != 0 || s.Operations < 2000 {
		t.Errorf("%s: %v", s, s.Wrong)
	}
	if len(l.Model.States()) != 21 {
		t.Errorf("it knows %d customers", len(l.Model.States()))
	}
}

func TestEveryAnswerThatIsNotDeservedIsSeenOnce(t *testing.T) {
	const victim = "load-00003"
	for name, c := range map[string]struct {
		status int
		where  string
		spoil  func(a *api, w http.ResponseWriter, method, id string) bool
	}{
		"refused": {http.StatusServiceUnavailable, "cell-a", func(_ *api, w http.ResponseWriter, method, _ string) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return method != ""
		}},
		"lost": {http.StatusNotFound, "undeserved", func(_ *api, w http.ResponseWriter, _, _ string) bool {
			w.WriteHeader(http.StatusNotFound)
			return true
		}},
		"stale": {http.StatusOK, "wrong", func(a *api, _ http.ResponseWriter, method, id string) bool {
			if method == http.MethodGet {
				a.held[id] = `{"n":0}`
			}
			return false
		}},
	} {
		t.Run(name, func(t *testing.T) {
			once := false
			_, s := runAgainst(t, func(a *api, w http.ResponseWriter, method, id string) bool {
				if once || id != victim || method != http.MethodGet || a.held[id] == "" {
					return false
				}
				once = true
				return c.spoil(a, w, method, id)
			})
			if s.Errors[c.status] != 1 || s.ErrorCount() != 1 || s.Failed[c.where] != 1 || len(s.Wrong) != 1 || !strings.Contains(s.Wrong[0], victim) {
				t.Errorf("%s; errors %v: %v", s, s.Errors, s.Wrong)
			}
		})
	}
}

func TestFillEndsAtARefusal(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "full", http.StatusServiceUnavailable)
	}))
	defer s.Close()
	err := New(s.URL, NewModel()).Fill(t.Context(), "load", 20, 1)
	if err == nil || !strings.Contains(err.Error(), "create customer load-00000: refused") || !strings.Contains(err.Error(), "full") {
		t.Error(err)
	}
}

// TestAnUnknownOutcomeIsReadBeforeTheNextWrite: answers are lost, twice in a row for one customer, with the reads between
// them refused. What the first write left must not be taken for wrong later.
func TestAnUnknownOutcomeIsReadBeforeTheNextWrite(t *testing.T) {
	const victim = "load-00003"
	writes, refused := 0, 0
	l, s := runAgainst(t, func(a *api, w http.ResponseWriter, method, id string) bool {
		switch {
		case id != victim || refused > 5:
			return false
		case method == http.MethodGet:
			refused++
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case method == http.MethodPut:
			if writes++; writes == 1 {
				a.held[id] = `{"n":2}` // done, and its answer is lost
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	})
	if writes != 1 || refused != 6 {
		t.Errorf("%d writes while the outcome was unknown, %d reads refused", writes, refused)
	}
	if s.Failed["wrong"] != 0 || s.Failed["undeserved"] != 0 {
		t.Errorf("%s: %v", s, s.Wrong)
	}
	if got := l.Model.Customer(victim).States(); len(got) != 1 {
		t.Errorf("states %v", got)
	}
}
