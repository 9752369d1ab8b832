package customers

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const alice = `{"name":"Alice","email":"alice@example.org"}`

func TestCustomerLifeCycle(t *testing.T) {
	s := start(t)
	const path = "/api/customers/alice"

	created := s.do("POST", path, alice)
	created.want(t, 201, "", "")
	for key, want := range map[string]any{
		"customer_id": "alice", "name": "Alice", "email": "alice@example.org", "cell_id": "here", "status": "created",
	} {
		if created.body[key] != want {
			t.Errorf("created: %s is %v, want %v", key, created.body[key], want)
		}
	}
	s.do("POST", path, alice).want(t, 409, "Customer already exists", "already_exists")

	got := s.do("GET", path, "")
	got.want(t, 200, "", "")
	if !strings.Contains(got.raw, `"profile":{}`) || got.body["cell_id"] != "here" || len(got.body) != 7 {
		t.Errorf("got %s", got.raw)
	}
	for _, key := range []string{"created_at", "updated_at"} {
		if at, err := time.Parse(time.RFC3339Nano, got.body[key].(string)); err != nil || time.Since(at).Abs() > time.Hour {
			t.Errorf("%s is %v", key, got.body[key])
		}
	}

	put := s.do("PUT", path, `{"profile":{"a":1,"b":[true]}}`)
	put.want(t, 200, "", "")
	if put.body["name"] != "Alice" || put.body["created_at"] != got.body["created_at"] || put.body["updated_at"] == got.body["updated_at"] {
		t.Errorf("put %s", put.raw)
	}
	put = s.do("PUT", path, `{"name":"Bob <b>","profile":{"c":null}}`)
	if !strings.Contains(put.raw, `"profile":{"c": null}`) && !strings.Contains(put.raw, `"profile":{"c":null}`) {
		t.Errorf("the profile is not replaced whole: %s", put.raw)
	}
	if put.body["name"] != "Bob <b>" || put.body["email"] != "alice@example.org" {
		t.Errorf("put %s", put.raw)
	}
	if again := s.do("GET", path, ""); again.raw != put.raw {
		t.Errorf("read %s, wrote %s", again.raw, put.raw)
	}

	if gone := s.do("DELETE", path, ""); gone.status != 204 || gone.raw != "" {
		t.Errorf("deleted: %d %q", gone.status, gone.raw)
	}
	for method, body := range map[string]string{"GET": "", "PUT": alice, "DELETE": ""} {
		s.do(method, path, body).want(t, 404, "Customer not found", "not_found")
	}
	s.do("POST", path, alice).want(t, 201, "", "")
}

func TestNumbersOfAProfileKeepTheirDigits(t *testing.T) {
	s := start(t)
	profile := `{"big": 12345678901234567890123.10, "small": 0.000000000000000000000012345, "list": [1, -0.50, 1000000]}`
	s.do("POST", "/api/customers/n", `{"name":"N","email":"n@n","profile":`+profile+`}`).want(t, 201, "", "")
	got := s.do("GET", "/api/customers/n", "").raw
	for _, digits := range []string{"12345678901234567890123.10", "0.000000000000000000000012345", "-0.50", "1000000"} {
		if !strings.Contains(got, digits) {
			t.Errorf("%s is missing in %s", digits, got)
		}
	}
}

// What the parser accepts, the database must take: else it would be the client's fault and look like ours.
func TestDatabaseTakesWhatTheParserAccepts(t *testing.T) {
	s := start(t)
	s.do("POST", "/api/customers/x", alice).want(t, 201, "", "")
	for _, body := range []string{
		`{"name":"\u0001\u001f\u007f\ufffe\uffff"}`,
		`{"name":"\ud83d\ude00` + strings.Repeat("é", 499) + `"}`,
		`{"profile":{"":{"":""},"a\\u0000":"\\ud800"}}`,
		`{"profile":{"n":[1e900,1e-900,-1.5E+10,0e5,-0]}}`,
		`{"profile":` + strings.Repeat(`{"a":`, 99) + "[]" + strings.Repeat("}", 99) + `}`,
		`{"profile":{"n":[1` + strings.Repeat(",1e999", 1000) + `]}}`,
		`{"profile":{"t":"` + strings.Repeat("x", 1<<20-100) + `"}}`,
	} {
		if r := s.do("PUT", "/api/customers/x", body); r.status != 200 {
			t.Errorf("%.80s: %d %.200s", body, r.status, r.raw)
		}
	}
}

func TestRequestsAreRefused(t *testing.T) {
	s := start(t)
	const path = "/api/customers/x"
	for name, tc := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		message, code      string
	}{
		"new customer without email": {"POST", path, `{"name":"A"}`, nil, 400, "Name and email are required", "invalid_request"},
		"new customer without body":  {"POST", path, "", nil, 400, "Name and email are required", "invalid_request"},
		"change without body":        {"PUT", path, "", nil, 400, "No data provided", "invalid_request"},
		"change of nothing":          {"PUT", path, "{}", nil, 400, "No data provided", "invalid_request"},
		"change to null":             {"PUT", path, `{"name":null}`, nil, 400, "name must be a text", "invalid_request"},
		"unknown field":              {"PUT", path, `{"cell_id":"x"}`, nil, 400, `unknown field "cell_id"`, "invalid_request"},

		"no ID":                     {"GET", "/api/customers/", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"encoded slash":             {"GET", "/api/customers/a%2Fb", "", nil, 400, "", "invalid_id"},
		"NUL":                       {"GET", "/api/customers/a%00", "", nil, 400, "", "invalid_id"},
		"dot segment":               {"GET", "/api/customers/..", "", nil, 400, "", "invalid_id"},
		"dot segment, encoded":      {"GET", "/api/customers/%2e%2e", "", nil, 400, "", "invalid_id"},
		"dot segment inside":        {"GET", "/api/customers/a/../b", "", nil, 400, "", "invalid_id"},
		"two segments":              {"GET", "/api/customers/a/b", "", nil, 400, "", "invalid_id"},
		"decoded once, not twice":   {"GET", "/api/customers/a%2541", "", nil, 400, "", "invalid_id"},
		"ID too long":               {"DELETE", "/api/customers/" + strings.Repeat("a", 129), "", nil, 400, "", "invalid_id"},
		"ID not ASCII":              {"PUT", "/api/customers/%C3%A4", alice, nil, 400, "", "invalid_id"},
		"ID longest, of all kinds":  {"GET", "/api/customers/A._~@+-" + strings.Repeat("9", 121), "", nil, 404, "Customer not found", ""},
		"ID with an encoded letter": {"GET", "/api/customers/%41", "", nil, 404, "Customer not found", ""},

		"unknown path":        {"GET", "/api/orders/1", "", nil, 404, "Not found", "no_such_path"},
		"path without slash":  {"GET", "/api/customers", "", nil, 404, "Not found", "no_such_path"},
		"doubled slash":       {"GET", "//api/customers/x", "", nil, 404, "Not found", "no_such_path"},
		"path in other case":  {"GET", "/API/customers/x", "", nil, 404, "Not found", "no_such_path"},
		"wrong method":        {"PATCH", path, "{}", nil, 405, "Method not allowed", "method_not_allowed"},
		"text":                {"POST", path, alice, http.Header{"Content-Type": {"text/plain"}}, 415, "", "unsupported_media_type"},
		"other charset":       {"POST", path, alice, http.Header{"Content-Type": {"application/json; charset=latin1"}}, 415, "", "unsupported_media_type"},
		"malformed type":      {"POST", path, alice, http.Header{"Content-Type": {"json"}}, 415, "", "unsupported_media_type"},
		"compressed":          {"POST", path, alice, http.Header{"Content-Encoding": {"gzip"}}, 415, "", "unsupported_media_type"},
		"body over the limit": {"POST", path, `{"name":"` + strings.Repeat("a", 1<<20), nil, 413, "the body is too large", "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.send(s.url, tc.method, tc.path, tc.body, tc.header)
			r.want(t, tc.status, tc.message, tc.code)
			if kind := r.header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", kind)
			}
		})
	}
	if n := s.count("SELECT count(*) FROM customers"); n != 0 {
		t.Errorf("%d customers were stored by refused requests", n)
	}
}

func TestJSONIsAcceptedUnderItsNames(t *testing.T) {
	s := start(t)
	for id, kind := range map[string]string{
		"a": "", "b": "application/json", "c": "Application/JSON; charset=UTF-8", "curl": "application/x-www-form-urlencoded",
	} {
		header := http.Header{"Content-Type": {kind}}
		if kind == "" {
			header = nil
		}
		s.send(s.url, "POST", "/api/customers/"+id, alice, header).want(t, 201, "", "")
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	s := start(t)
	allow := s.do("OPTIONS", "/api/customers/x", "").header.Get("Allow")
	for _, method := range []string{"POST", "GET", "HEAD", "PUT", "DELETE"} {
		if !strings.Contains(allow, method) {
			t.Errorf("Allow is %q without %s", allow, method)
		}
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	s := start(t)
	s.do("POST", "/api/customers/x", alice).want(t, 201, "", "")
	get, head := s.do("GET", "/api/customers/x", ""), s.do("HEAD", "/api/customers/x", "")
	if head.status != 200 || head.raw != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
		t.Errorf("HEAD: %d %q, length %s; GET: length %s", head.status, head.raw,
			head.header.Get("Content-Length"), get.header.Get("Content-Length"))
	}
	if r := s.do("HEAD", "/api/customers/y", ""); r.status != 404 {
		t.Errorf("HEAD of an unknown customer: %d", r.status)
	}
}

func TestErrorsCarryTheRequestID(t *testing.T) {
	s := start(t)
	for given, want := range map[string]any{"req-1": "req-1", "a b": nil, strings.Repeat("x", 129): nil} {
		r := s.send(s.url, "GET", "/api/customers/x", "", http.Header{"X-Request-Id": {given}})
		if r.body["request_id"] != want {
			t.Errorf("request ID %.20q: answer says %v", given, r.body["request_id"])
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	s := start(t)
	for field, edit := range map[string]func(*Config){
		"Pool":       func(c *Config) { c.Pool = nil },
		"CellID":     func(c *Config) { c.CellID = "" },
		"MaxBody":    func(c *Config) { c.MaxBody = -1 },
		"Timeout":    func(c *Config) { c.Timeout = -1 },
		"RetryAfter": func(c *Config) { c.RetryAfter = -1 },
	} {
		cfg := Config{Pool: s.pool, CellID: "here"}
		edit(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
