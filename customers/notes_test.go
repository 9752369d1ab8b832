package customers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	alicesNotes = "/api/customers/alice/notes"
	noSuchNote  = alicesNotes + "/0190a6b3-5c5e-7aaa-8bbb-0123456789ab"
)

// startWithAlice runs the application with one customer.
func startWithAlice(t *testing.T, edits ...func(*Config)) *system {
	t.Helper()
	s := start(t, edits...)
	s.do("POST", "/api/customers/alice", alice).want(t, 201, "", "")
	return s
}

// addNote returns the new note's path.
func (s *system) addNote(text string) string {
	s.t.Helper()
	r := s.do("POST", alicesNotes, fmt.Sprintf(`{"text":%q}`, text))
	r.want(s.t, 201, "", "")
	return alicesNotes + "/" + r.body["note_id"].(string)
}

func TestNoteLifeCycle(t *testing.T) {
	s := startWithAlice(t)
	created := s.do("POST", alicesNotes, `{"text":"Calls back on <Monday>"}`)
	created.want(t, 201, "", "")
	if created.body["customer_id"] != "alice" || created.body["text"] != "Calls back on <Monday>" || created.body["cell_id"] != "here" || len(created.body) != 6 {
		t.Errorf("created: %s", created.raw)
	}
	for _, key := range []string{"created_at", "updated_at"} {
		if at, err := time.Parse(time.RFC3339Nano, created.body[key].(string)); err != nil || time.Since(at).Abs() > time.Hour {
			t.Errorf("%s is %v", key, created.body[key])
		}
	}
	path := alicesNotes + "/" + created.body["note_id"].(string)
	if got := s.do("GET", path, ""); got.status != 200 || got.raw != created.raw {
		t.Errorf("read %d %s, wrote %s", got.status, got.raw, created.raw)
	}
	put := s.do("PUT", path, `{"text":"Has called"}`)
	put.want(t, 200, "", "")
	if put.body["text"] != "Has called" || put.body["created_at"] != created.body["created_at"] || put.body["updated_at"] == created.body["updated_at"] {
		t.Errorf("put %s", put.raw)
	}
	if got := s.do("GET", path, ""); got.raw != put.raw {
		t.Errorf("read %s, wrote %s", got.raw, put.raw)
	}
	if head := s.do("HEAD", path, ""); head.status != 200 || head.raw != "" || head.header.Get("Content-Length") != fmt.Sprint(len(put.raw)) {
		t.Errorf("HEAD: %d %q", head.status, head.raw)
	}
	if gone := s.do("DELETE", path, ""); gone.status != 204 || gone.raw != "" {
		t.Errorf("deleted: %d %q", gone.status, gone.raw)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		s.do(method, path, `{"text":"x"}`).want(t, 404, "Note not found", "not_found")
	}
}

func TestAMissingCustomerIsToldFromAMissingNote(t *testing.T) {
	s := startWithAlice(t)
	s.do("POST", "/api/customers/bob", alice).want(t, 201, "", "")
	note := s.addNote("hers")
	ofBob := strings.Replace(note, "alice", "bob", 1)
	ofNobody := strings.Replace(note, "alice", "nobody", 1)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		for _, path := range []string{noSuchNote, ofBob} {
			r := s.do(method, path, `{"text":"x"}`)
			r.want(t, 404, "Note not found", "not_found")
			if r.body["field"] != "note_id" {
				t.Errorf("%s %s: %s", method, path, r.raw)
			}
		}
		s.do(method, ofNobody, `{"text":"x"}`).want(t, 404, "Customer not found", "not_found")
	}
	for _, method := range []string{"GET", "POST"} {
		s.do(method, "/api/customers/nobody/notes", `{"text":"x"}`).want(t, 404, "Customer not found", "not_found")
	}
	if n := s.count("SELECT count(*) FROM notes WHERE text = 'hers'"); n != 1 {
		t.Error("the note was changed by a refused request")
	}
}

func TestNotesGoWithTheirCustomer(t *testing.T) {
	s := startWithAlice(t)
	note := s.addNote("a")
	s.addNote("b")
	if r := s.do("DELETE", "/api/customers/alice", ""); r.status != 204 {
		t.Fatalf("deleted: %d %s", r.status, r.raw)
	}
	if n := s.count("SELECT count(*) FROM notes"); n != 0 {
		t.Errorf("%d notes are left", n)
	}
	s.do("GET", note, "").want(t, 404, "Customer not found", "not_found")
	s.do("POST", "/api/customers/alice", alice).want(t, 201, "", "")
	s.do("GET", note, "").want(t, 404, "Note not found", "not_found")
}

func TestPagesOfNotesGiveEachNoteOnce(t *testing.T) {
	s := startWithAlice(t)
	empty := s.do("GET", alicesNotes, "")
	if empty.status != 200 || empty.raw != `{"customer_id":"alice","notes":[],"next":null,"cell_id":"here"}`+"\n" {
		t.Errorf("no notes: %d %s", empty.status, empty.raw)
	}
	var want []string
	for i := range 7 {
		want = append(want, fmt.Sprint("note ", i))
		s.addNote(want[i])
	}
	for _, limit := range []int{1, 3, 7, 100} {
		var got []string
		after := ""
		for pages := 0; pages <= 7; pages++ {
			r := s.do("GET", fmt.Sprintf("%s?after=%s&limit=%d", alicesNotes, after, limit), "")
			r.want(t, 200, "", "")
			notes := r.body["notes"].([]any)
			for _, n := range notes {
				got = append(got, n.(map[string]any)["text"].(string))
			}
			if r.body["next"] == nil {
				break
			}
			if len(notes) != limit || r.body["next"] != notes[limit-1].(map[string]any)["note_id"] {
				t.Fatalf("page: %s", r.raw)
			}
			after = r.body["next"].(string)
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %d: %v", limit, got)
		}
	}
	if r := s.do("HEAD", alicesNotes, ""); r.status != 200 || r.raw != "" {
		t.Errorf("HEAD: %d", r.status)
	}
}

// The longest page in its longest writing has to stay below what is passed on to clients, 4 MiB.
func TestTheLongestPageOfNotes(t *testing.T) {
	s := startWithAlice(t)
	s.exec(`INSERT INTO notes (customer_id, note_id, text) SELECT 'alice', gen_random_uuid(), repeat(chr(1), $1) FROM generate_series(1, $2)`, MaxText, MaxPage+1)
	r := s.do("GET", alicesNotes+"?limit=100", "")
	if len(r.body["notes"].([]any)) != MaxPage || len(r.raw) < 6*MaxText*MaxPage || len(r.raw) > 4<<20 {
		t.Errorf("%d bytes", len(r.raw))
	}
}

func TestRequestsAboutNotesAreRefused(t *testing.T) {
	s := startWithAlice(t)
	text := `{"text":"x"}`
	for name, tc := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		message, code      string
	}{
		"blank text":              {"POST", alicesNotes, `{"text":" "}`, nil, 400, "Text is required", "invalid_request"},
		"change without body":     {"PUT", noSuchNote, "", nil, 400, "Text is required", "invalid_request"},
		"unknown parameter":       {"GET", alicesNotes + "?page=2", "", nil, 400, `unknown parameter "page"`, "invalid_request"},
		"page too long":           {"GET", alicesNotes + "?limit=101", "", nil, 400, "limit must be a number from 1 to 100", "invalid_request"},
		"not a note's ID":         {"GET", alicesNotes + "/1", "", nil, 400, "Invalid note ID", "invalid_id"},
		"ID in upper case":        {"GET", strings.Replace(noSuchNote, "7aaa", "7AAA", 1), "", nil, 400, "Invalid note ID", "invalid_id"},
		"trailing slash":          {"POST", alicesNotes + "/", text, nil, 400, "Invalid customer ID", "invalid_id"},
		"another sub-resource":    {"GET", "/api/customers/alice/orders", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"name that begins so":     {"GET", "/api/customers/alice/notesx", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"below a note":            {"GET", noSuchNote + "/text", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"encoded slash":           {"GET", "/api/customers/alice%2Fnotes", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"dots":                    {"GET", alicesNotes + "/../notes", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"encoded dots":            {"GET", alicesNotes + "/%2e%2e/notes", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"decoded once, not twice": {"GET", "/api/customers/alice/n%256Ftes", "", nil, 400, "Invalid customer ID", "invalid_id"},
		"encoded letter":          {"GET", "/api/customers/nobody/n%6Ftes", "", nil, 404, "Customer not found", "not_found"},
		"compressed":              {"POST", alicesNotes, text, http.Header{"Content-Encoding": {"gzip"}}, 415, "", "unsupported_media_type"},
		"body over the limit":     {"POST", alicesNotes, `{"text":"` + strings.Repeat("a", 1<<20), nil, 413, "", "body_too_large"},
		"list cannot be replaced": {"PUT", alicesNotes, text, nil, 405, "Method not allowed", "method_not_allowed"},
		"note cannot be posted":   {"POST", noSuchNote, text, nil, 405, "Method not allowed", "method_not_allowed"},
		"wrong method":            {"PATCH", noSuchNote, text, nil, 405, "Method not allowed", "method_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			s.send(s.url, tc.method, tc.path, tc.body, tc.header).want(t, tc.status, tc.message, tc.code)
		})
	}
	if n := s.count("SELECT count(*) FROM notes"); n != 0 {
		t.Errorf("%d notes were stored by refused requests", n)
	}
	for path, allow := range map[string]string{alicesNotes: "POST, GET, HEAD", noSuchNote: "GET, HEAD, PUT, DELETE"} {
		if got := s.do("OPTIONS", path, "").header.Get("Allow"); got != allow {
			t.Errorf("%s allows %q, want %q", path, got, allow)
		}
	}
}
