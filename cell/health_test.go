package cell

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestHealth_of_a_serving_instance(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	got := a.send("GET", "/health", "")
	wantStatus(t, "health", got, 200)
	if strings.TrimSpace(got.body) != `{"status":"healthy","cell_id":"cell-a","database":"connected"}` {
		t.Errorf("body %s", got.body)
	}
	if got.header.Get("Cellway-Cell") != "cell-a" {
		t.Errorf("headers %v", got.header)
	}
}

func TestMetrics_by_who_asks(t *testing.T) {
	s := newSystem(t)
	a := s.start("cell-a")
	a.assign(0, 1)
	for _, p := range []int{0, 1} {
		wantStatus(t, "create", a.send("PUT", "/k/"+[]string{keyOf(0), keyOf(1)}[p], "x"), 200)
	}
	for _, accept := range []string{"*/*", "application/json", "text/html,application/xhtml+xml,*/*;q=0.8"} {
		got := a.send("GET", "/metrics", "", "Accept", accept)
		var body struct {
			CellID        string    `json:"cell_id"`
			CustomerCount *int      `json:"customer_count"`
			Timestamp     time.Time `json:"timestamp"`
		}
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != 200 {
			t.Fatalf("%s: %v, %v", accept, got, err)
		}
		if body.CellID != "cell-a" || body.CustomerCount == nil || *body.CustomerCount != 2 || time.Since(body.Timestamp).Abs() > time.Hour {
			t.Errorf("%s: %s", accept, got.body)
		}
	}
	for _, accept := range []string{"text/plain;version=0.0.4", "application/openmetrics-text; version=1.0.0;q=0.5,text/plain; version=0.0.4;q=0.3,*/*;q=0.2"} {
		got := a.send("GET", "/metrics", "", "Accept", accept)
		for _, line := range []string{`cellway_gate_requests_total{result="admitted"} 2`, `cellway_partitions{state="owned"} 2`, "cellway_database_up 1"} {
			if !strings.Contains(got.body, line) {
				t.Errorf("%s: no %s in %s", accept, line, got.body)
			}
		}
	}
}
