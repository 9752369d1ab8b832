package router

import (
	"net/http"
	"strings"
	"testing"
)

func TestMetrics_count_requests_and_name_no_customer(t *testing.T) {
	s := newScene(t)
	s.cell("cell-a", echo("cell-a"))
	s.instance("cell-b", deadAddress(t))
	s.serve("cell-a", Config{BreakerFailures: 1})
	s.customer(http.MethodPut, "x")
	s.do(http.MethodGet, s.url+customersPath+"%00", "")
	s.own("cell-b")
	s.until("cell-b's customers are refused", func() bool { return s.customer(http.MethodGet, "").status == 503 })

	raw := s.do(http.MethodGet, s.admin+"/metrics", "").raw
	for _, line := range []string{
		`cellway_router_requests_total{cell="cell-a",status="2xx"}`, `cellway_router_requests_total{cell="",status="4xx"} 1`,
		`cellway_router_requests_total{cell="cell-b",status="5xx"}`, `cellway_router_attempts_total{outcome="dial_failed"}`,
		`cellway_router_refusals_total{code="cell_unavailable"}`, `cellway_router_breaker_opened_total{cell="cell-b"} 1`,
		`cellway_router_request_seconds_count{kind="write"}`, `cellway_router_map_live 1`, `cellway_router_map_age_seconds`,
		`cellway_router_map_epoch`, `cellway_router_held_requests 0`, `cellway_router_learned_owners 0`,
	} {
		if !strings.Contains(raw, line) {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(raw, key) {
		t.Error("the metrics name a customer")
	}
}
