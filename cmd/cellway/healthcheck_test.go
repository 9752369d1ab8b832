package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthcheck(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			t.Errorf("asks for %s", r.URL.Path)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"status":"so and so"}`)
	}))
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")

	t.Run("asks the listener that the environment names", func(t *testing.T) {
		t.Setenv("CELLWAY_LISTEN", "0.0.0.0:"+port)
		if out, err := call(t, "healthcheck"); err != nil || !strings.Contains(out, "so and so") {
			t.Errorf("%q, %v", out, err)
		}
		status = http.StatusServiceUnavailable
		if _, err := call(t, "healthcheck"); err == nil || !strings.Contains(err.Error(), `status 503: {"status":"so and so"}`) {
			t.Errorf("%v", err)
		}
	})
	t.Run("says what is missing", func(t *testing.T) {
		if _, err := call(t, "healthcheck"); err == nil || !strings.Contains(err.Error(), "CELLWAY_ROUTER_ADDR") {
			t.Errorf("%v", err)
		}
	})
}
