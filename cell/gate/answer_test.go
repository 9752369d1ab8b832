package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswer_is_held_back_after_the_lease_lapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serving(t)
		read, write := f.holdInside("GET", 0), f.holdInside("PUT", 0)
		pass(6 * time.Second)
		f.acquire(time.Now().Add(5 * time.Second)) // a new lease does not mend it
		w := read.release()
		wantStatus(t, "read", w, http.StatusServiceUnavailable)
		if strings.Contains(w.Body.String(), "late") {
			t.Errorf("body %s", w.Body)
		}
		w = write.release()
		wantStatus(t, "write", w, http.StatusBadGateway)
		if body := bodyOf(t, w); body.Code != CodeOutcomeUnknown {
			t.Errorf("body %+v", body)
		}
		if n := f.Counts()[Withheld]; n != 2 {
			t.Errorf("%d withheld", n)
		}
	})
}

func TestAnswer_takes_nothing_of_the_application_when_held_back(t *testing.T) {
	f := serving(t)
	w := f.askApp("GET", "/k/a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", "old")
		w.WriteHeader(http.StatusOK)
		f.Lapse()
	}))
	wantStatus(t, "read", w, 503)
	if w.Header().Get("Etag") != "" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestAnswer_streams_beyond_the_limit(t *testing.T) {
	f := serving(t)
	w := f.askApp("GET", "/k/a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		for range 10 {
			if _, err := io.WriteString(w, "0123456789"); err != nil {
				t.Error(err)
			}
		}
	}))
	wantStatus(t, "long", w, http.StatusAccepted)
	if w.Body.String() != strings.Repeat("0123456789", 10) {
		t.Errorf("body %s", w.Body)
	}
}

func TestAnswer_that_streams_is_broken_off_when_the_lease_lapses(t *testing.T) {
	f := serving(t)
	w := httptest.NewRecorder()
	defer func() {
		if v := recover(); v != any(http.ErrAbortHandler) {
			t.Errorf("recovered %v", v)
		}
		if w.Body.Len() != 20 {
			t.Errorf("body %s", w.Body)
		}
	}()
	f.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("a", 20))
		f.Lapse()
		if _, err := io.WriteString(w, "b"); !errors.Is(err, errWithheld) {
			t.Errorf("error %v", err)
		}
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/k/a", http.NoBody))
}

func TestAnswer_that_would_begin_to_stream_after_the_lapse_is_a_refusal(t *testing.T) {
	f := serving(t)
	w := f.askApp("PUT", "/k/a", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.Lapse()
		_, _ = io.WriteString(w, strings.Repeat("a", 20))
	}))
	wantStatus(t, "write", w, http.StatusBadGateway)
	bodyOf(t, w)
}

func TestAnswer_passes_what_the_application_says(t *testing.T) {
	for _, c := range []struct {
		name, method string
		app          http.HandlerFunc
		status       int
		length       string
	}{
		{"nothing", "GET", func(http.ResponseWriter, *http.Request) {}, 200, "0"},
		{"a text", "GET", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "abc") }, 200, "3"},
		{"no content", "DELETE", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, ""},
		{"two heads", "PUT", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(409); w.WriteHeader(200) }, 409, "0"},
		{"early hints", "GET", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, 404, "0"},
		{"only a head", "HEAD", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "7") }, 200, "7"},
		{"flushed", "GET", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "abc")
			_ = http.NewResponseController(w).Flush()
		}, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := serving(t).askApp(c.method, "/k/a", c.app)
			wantStatus(t, c.name, w, c.status)
			if got := w.Header().Get("Content-Length"); got != c.length {
				t.Errorf("length %q, want %q", got, c.length)
			}
		})
	}
}
