package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serve(t *testing.T, h http.HandlerFunc) (*Client, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &Client{HTTP: s.Client(), Token: "secret"}, strings.TrimPrefix(s.URL, "http://")
}

func TestClientSendsCommandAndCredential(t *testing.T) {
	c, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var cmd Command
		if err := json.NewDecoder(r.Body).Decode(&cmd); err != nil {
			t.Error(err)
		}
		if r.URL.Path != "/internal/v1/partitions/7/record" || r.Header.Get("Authorization") != "Bearer secret" || cmd.Move != "m" {
			t.Errorf("%s %q %+v", r.URL, r.Header.Get("Authorization"), cmd)
		}
		_ = json.NewEncoder(w).Encode(Reply{Row: Row{Partition: 7, State: StateOwned}})
	})
	reply, err := c.Do(t.Context(), addr, 7, VerbRecord, Command{Move: "m"})
	if err != nil || reply.Row.State != StateOwned {
		t.Errorf("%+v, %v", reply, err)
	}
}

func TestClientTellsRefusalFromSilence(t *testing.T) {
	c, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/internal/v1/partitions/1" {
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(Problem{Code: CodeStale, Message: "too late", Row: &Row{Token: 9}})
			return
		}
		http.Error(w, "<html>", http.StatusBadGateway)
	})
	_, err := c.Row(t.Context(), addr, 1)
	problem, ok := errors.AsType[*Problem](err)
	if !ok || problem.Code != CodeStale || problem.Row.Token != 9 || problem.Status != http.StatusConflict || CodeOf(err) != CodeStale {
		t.Errorf("refusal: %#v", err)
	}
	if _, err := c.Row(t.Context(), addr, 2); CodeOf(err) != CodeInternal {
		t.Errorf("an answer that no cell gives: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Row(ended, addr, 1); err == nil || CodeOf(err) != "" {
		t.Errorf("no answer: %v; want an error that is no refusal", err)
	}
}
