package edge

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

func serve(t *testing.T, method, path string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	g := New(slog.New(slog.NewTextHandler(&log, nil)))
	g.GET("/panic", func(*gin.Context) { panic("secret detail") })
	g.GET("/problem", func(c *gin.Context) { Refuse(c, Problem{Status: 503, RetryAfter: 3, Error: "no", Code: "c"}) })
	g.HEAD("/problem", func(c *gin.Context) { Refuse(c, Problem{Status: 503, RetryAfter: 3, Error: "no", Code: "c"}) })
	g.GET("/later", func(c *gin.Context) {
		c.String(http.StatusOK, "begun")
		panic("too late")
	})
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w, log.String()
}

func TestNew_a_panic_is_a_500_whose_detail_is_in_the_log_alone(t *testing.T) {
	w, log := serve(t, http.MethodGet, "/panic")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"internal"`) || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	id := w.Header().Get("X-Request-Id")
	if !strings.Contains(log, "secret detail") || id == "" || !strings.Contains(log, id) {
		t.Errorf("the log says %q", log)
	}
}

func TestNew_a_panic_within_an_answer_breaks_it_off(t *testing.T) {
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			t.Errorf("recovered %v", v)
		}
	}()
	serve(t, http.MethodGet, "/later")
	t.Error("the answer was ended as if it were whole")
}

func TestNew_unknown_paths_and_methods_are_answered_in_JSON(t *testing.T) {
	for path, want := range map[string]string{"/none": "no_such_path", "//problem": "no_such_path", "/problem/": "no_such_path"} {
		if w, _ := serve(t, http.MethodGet, path); w.Code != 404 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w, _ := serve(t, http.MethodPost, "/problem"); w.Code != 405 || !strings.Contains(w.Header().Get("Allow"), "GET") {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestRefuse(t *testing.T) {
	w, _ := serve(t, http.MethodGet, "/problem")
	if w.Code != 503 || w.Header().Get("Retry-After") != "3" || !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	h, _ := serve(t, http.MethodHead, "/problem")
	if h.Code != 503 || h.Body.Len() != 0 || h.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d, %d bytes, %v", h.Code, h.Body.Len(), h.Header())
	}
}

func TestRequestID(t *testing.T) {
	for _, good := range []string{"a", "A-b_c.9", strings.Repeat("x", 64)} {
		if requestID(good) != good {
			t.Errorf("%q is not taken", good)
		}
	}
	for _, bad := range []string{"", strings.Repeat("x", 65), "a b", "a\nb", "ä", "a;b"} {
		if got := requestID(bad); got == bad || len(got) != 36 {
			t.Errorf("%q became %q", bad, got)
		}
	}
}
