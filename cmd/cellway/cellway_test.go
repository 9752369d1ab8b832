package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// call runs the program as a shell would, and returns everything that it printed.
func call(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), args, &out, &out)
	return out.String(), err
}

func TestHelpNamesEveryCommand(t *testing.T) {
	out, err := call(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dev", "add-cell", "remove-cell", "restart", "demo", "status", "locate", "drain", "undrain", "accept-restored", "router", "cell", "mover", "version"} {
		if !strings.Contains(out, "\n  "+name+" ") {
			t.Errorf("help does not name %s:\n%s", name, out)
		}
	}
}

func TestVersionPrintsOneLine(t *testing.T) {
	out, err := call(t, "version")
	if err != nil || !strings.HasPrefix(out, "cellway ") || strings.Count(out, "\n") != 1 {
		t.Errorf("%q, %v", out, err)
	}
}

func TestBadInputIsNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"unknown command":                   {"nonsense"},
		"accepts 1 arg":                     {"drain"},
		"customer_id must match":            {"locate", "a/b"},
		"--output \"xml\"":                  {"status", "--output", "xml", "--admin-addr", fakeAdmin(t).addr},
		"no system is running under":        {"restart", "router", "--state-dir", t.TempDir()},
		"--customers 0":                     {"demo", "--customers", "0"},
		"--workers 65":                      {"demo", "--workers", "65"},
		"--log-level \"loud\"":              {"mover", "--log-level", "loud"},
		"--internal-token-file: a file":     {"mover"},
		"is empty":                          {"mover", "--internal-token-file", empty},
		"--platform-url-file":               {"cell", "--cell", "cell-a"},
		"--allowed-networks":                {"router", "--allowed-networks", "everywhere"},
		"AdminToken is missing":             {"router", "--admin-addr", "0.0.0.0:0"},
		"--platform-url and --platform-url": {"cell", "--platform-url", "x", "--platform-url-file", "y"},
	} {
		if out, err := call(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want it to say %q\n%s", args, err, want, out)
		}
	}
}

func TestFlagsComeFromTheEnvironment(t *testing.T) {
	t.Setenv("CELLWAY_ADMIN_ADDR", fakeAdmin(t).addr)
	out, err := call(t, "locate", "alice")
	if err != nil || !strings.Contains(out, "cell-a") {
		t.Errorf("%q, %v", out, err)
	}
	t.Setenv("CELLWAY_INITIAL_CELLS", "many")
	if _, err := call(t, "mover"); err == nil || !strings.Contains(err.Error(), `CELLWAY_INITIAL_CELLS="many"`) {
		t.Errorf("%v", err)
	}
}

func TestRefusedOrderIsNotRepeated(t *testing.T) {
	admin := fakeAdmin(t)
	if _, err := call(t, "drain", "cell-z", "--admin-addr", admin.addr); err == nil || !strings.Contains(err.Error(), "no such cell") {
		t.Errorf("%v", err)
	}
	if admin.orders != 1 {
		t.Errorf("sent %d times", admin.orders)
	}
}

// TestOrderIsRepeatedUntilAccepted in a bubble of fake time: nothing answers, for longer than the patience.
func TestOrderIsRepeatedUntilAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		c := &adminClient{base: "http://router", say: &bytes.Buffer{}, http: &http.Client{Transport: roundTrip(func() (int, string) {
			tries++
			return http.StatusServiceUnavailable, `{"error":"Consul does not answer"}`
		})}}
		began := time.Now()
		err := c.call(t.Context(), http.MethodPost, "/admin/rebalance", nil)
		if err == nil || !strings.Contains(err.Error(), "not accepted: Consul does not answer") || time.Since(began) != adminPatience || tries < 10 {
			t.Errorf("%v after %v and %d tries", err, time.Since(began), tries)
		}
		if said := c.say.(*bytes.Buffer).String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "Consul does not answer") {
			t.Errorf("told: %q", said)
		}
	})
}

type roundTrip func() (int, string)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	status, body := f()
	w.WriteHeader(status)
	w.Body.WriteString(body)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

type admin struct {
	addr   string
	orders int
}

func fakeAdmin(t *testing.T) *admin {
	t.Helper()
	a := &admin{}
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/map", answer(`{"epoch":3,"partitions":4096,"source":"live","owners":{"cell-a":4096}}`))
	mux.HandleFunc("GET /admin/cells", answer(`{"epoch":3,"cells":[{"cell_id":"cell-a","status":"active","partitions":4096}]}`))
	mux.HandleFunc("GET /admin/rebalance", answer(`{"running":false}`))
	mux.HandleFunc("GET /admin/locate/alice", answer(`{"customer_id":"alice","partition":1737,"cell_id":"cell-a","moving_to":null}`))
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		a.orders++
		if r.Header.Get("Cellway-Admin") != "1" {
			t.Error("an order without the header Cellway-Admin")
		}
		http.Error(w, `{"error":"no such cell"}`, http.StatusNotFound)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	a.addr = strings.TrimPrefix(s.URL, "http://")
	return a
}
