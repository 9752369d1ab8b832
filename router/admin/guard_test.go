package admin

import "testing"

func TestGuard(t *testing.T) {
	const path = "/admin/rebalance"
	local := newStage(t, nil)
	open := newStage(t, func(c *Config) { c.Loopback, c.Token = false, "secret" })
	cases := []struct {
		name    string
		s       *stage
		headers []string
		code    int
	}{
		{"local, asked properly", local, []string{"Cellway-Admin", "1"}, 202},
		{"local, as localhost", local, []string{"Cellway-Admin", "1", "Host", "localhost:8001"}, 202},
		{"local, by IPv6", local, []string{"Cellway-Admin", "1", "Host", "[::1]:8001"}, 202},
		{"without the header", local, nil, 403},
		{"with another value", local, []string{"Cellway-Admin", "yes"}, 403},
		{"by a name that was rebound", local, []string{"Cellway-Admin", "1", "Host", "evil.example:8001"}, 403},
		{"open, without a token", open, []string{"Cellway-Admin", "1"}, 403},
		{"open, with another token", open, []string{"Cellway-Admin", "1", "Authorization", "Bearer secre"}, 403},
		{"open, with the token but not as a bearer's", open, []string{"Cellway-Admin", "1", "Authorization", "secret"}, 403},
		{"open, with the token", open, []string{"Cellway-Admin", "1", "Authorization", "Bearer secret", "Host", "cells.example"}, 202},
		{"open, with the token, without the header", open, []string{"Authorization", "Bearer secret"}, 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, body, w := c.s.do("POST", path, c.headers...)
			if code != c.code || code == 403 && body["code"] != "admin_refused" {
				t.Errorf("got %d %s", code, w.Body)
			}
		})
	}
	for _, s := range []*stage{local, open} {
		if code, _, _ := s.do("GET", path); code != 200 {
			t.Errorf("a GET needs more than it should: %d", code)
		}
	}
}
