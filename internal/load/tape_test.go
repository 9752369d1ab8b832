package load

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestARefusedConnectionPromisesThatNothingWasDone(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	l := New(s.URL, NewModel())
	record := NewTape(0)
	l.Client.Transport = record
	if status, _, _ := l.Send(t.Context(), http.MethodPut, "load-00001", `{"profile":{"n":1}}`); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
	l.Client.CloseIdleConnections()
	s.Close()
	if status, _, _ := l.Send(t.Context(), http.MethodPut, "load-00001", `{"profile":{"n":2}}`); status != http.StatusServiceUnavailable {
		t.Errorf("status %d where nobody listens", status)
	}
	var got []exchange
	for line := range bytes.Lines(record.Take()) {
		var op exchange
		if err := json.Unmarshal(line, &op); err != nil {
			t.Fatal(err)
		}
		got = append(got, op)
	}
	if len(got) != 2 || got[0].Status != http.StatusNotFound || got[0].Sent != `{"profile":{"n":1}}` || got[1].Error == "" {
		t.Errorf("history: %+v", got)
	}
	if left := record.Take(); len(left) > 0 {
		t.Errorf("kept twice: %s", left)
	}
}

func TestAnAnswerThatBreaksOffIsNoAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("short"))
	}))
	defer s.Close()
	l := New(s.URL, NewModel())
	l.Client.Transport = NewTape(100)
	if status, _, _ := l.Send(t.Context(), http.MethodPut, "load-00001", "{}"); status != 0 {
		t.Errorf("status %d", status)
	}
}
