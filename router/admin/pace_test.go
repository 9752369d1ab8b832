package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cellway/cellway/registry"
)

// put sends a body with the header that a browser's form cannot.
func (s *stage) put(path, body string, headers ...string) (int, string) {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPut, "http://127.0.0.1:8001"+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestAPI_pace(t *testing.T) {
	s := newStage(t, nil)
	read := func() paceBody {
		var body paceBody
		code, _, w := s.do(http.MethodGet, "/admin/pace")
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || code != 200 {
			t.Fatalf("%d %v %s", code, err, w.Body)
		}
		return body
	}
	if got := read(); got != (paceBody{}) {
		t.Errorf("at first %+v", got)
	}
	const wanted = `{"parallel":2,"per_source":1,"max_write_latency_ms":80.5}`
	if code, body := s.put("/admin/pace", wanted); code != 403 {
		t.Errorf("without the header: %d %s", code, body)
	}
	if code, body := s.put("/admin/pace", wanted, "Cellway-Admin", "1"); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if got := read(); got != (paceBody{Parallel: 2, PerSource: 1, MaxWriteLatencyMS: 80.5}) {
		t.Errorf("%+v", got)
	}
	stored, err := s.reg.Pace(t.Context())
	s.must(nil, err)
	if stored != (registry.Pace{Parallel: 2, PerSource: 1, MaxWriteLatency: 80500 * time.Microsecond}) {
		t.Errorf("stored %+v", stored)
	}
	for body, field := range map[string]string{
		`{"parallel":-1}`: "parallel", `{"per_target":1000}`: "per_target", `{"max_write_latency_ms":0.01}`: "max_write_latency",
		`{"speed":1}`: "speed", `{"parallel":"x"}`: "parallel", `{"parallel":1}{}`: "more than one", ``: "EOF",
	} {
		if code, answer := s.put("/admin/pace", body, "Cellway-Admin", "1"); code != 400 || !strings.Contains(answer, field) {
			t.Errorf("%s: %d %s", body, code, answer)
		}
	}
	if got := read(); got.Parallel != 2 {
		t.Errorf("a pace that was refused is there: %+v", got)
	}
}

func TestAPI_plan_of_a_change(t *testing.T) {
	s := newStage(t, func(c *Config) {
		counts := `[10,10,10,10,10,10,10,10,10,10,10,10,10,10,10,10]`
		c.Fetch = fetchOf(map[string]string{"cell-b:1" + contentsPath: `{"cell_id":"cell-b","rows":` + counts + `,"bytes":` + counts + `}`})
	})
	code, body, w := s.do(http.MethodGet, "/admin/plan?drain=cell-b")
	if code != 200 || body["moves"] != 8.0 || body["rows"] != 80.0 || body["bytes"] != 80.0 || !strings.Contains(w.Body.String(), `"by_pair":[{"from":"cell-b","to":"cell-a","partitions":8,"rows":80,"bytes":80}]`) {
		t.Errorf("%d %s", code, w.Body)
	}
	if took, ok := body["seconds"].(float64); !ok || took <= 0 {
		t.Errorf("it takes %v", body["seconds"])
	}
	if code, body, _ := s.do(http.MethodGet, "/admin/plan?add=cell-c&weight=x"); code != 400 || !strings.Contains(body["details"].(string), "weight") {
		t.Errorf("%d %v", code, body)
	}
	if code, body, _ := s.do(http.MethodGet, "/admin/plan?drain=cell-x"); code != 404 {
		t.Errorf("%d %v", code, body)
	}
	if _, body, _ := s.do(http.MethodGet, "/admin/plan"); body["moves"] != 0.0 || body["rows"] != 0.0 || body["seconds"] != 0.0 {
		t.Errorf("the plan has become real: %v", body)
	}
}

// fetchOf answers from a table, by address and path.
func fetchOf(answers map[string]string) func(ctx context.Context, address, path string, limit int64) ([]byte, error) {
	return func(_ context.Context, address, path string, _ int64) ([]byte, error) {
		if answer, ok := answers[address+path]; ok {
			return []byte(answer), nil
		}
		return nil, errors.New("does not say")
	}
}
