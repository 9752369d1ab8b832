package customers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
)

func TestParseNoteRefusesWhatItCannotStoreAsSent(t *testing.T) {
	const required = "Text is required"
	for name, tc := range map[string]struct{ body, message, field string }{
		"nothing":          {``, required, "text"},
		"an empty object":  {`{}`, required, "text"},
		"empty":            {`{"text":""}`, required, "text"},
		"blank":            {`{"text":" \t\u00a0\n"}`, required, "text"},
		"null":             {`{"text":null}`, "text must be a text", "text"},
		"a number":         {`{"text":5}`, "text must be a text", "text"},
		"NUL":              {`{"text":"a\u0000"}`, `text must not contain NUL (\u0000)`, "text"},
		"half a surrogate": {`{"text":"\ud800"}`, "text contains half of a surrogate pair", "text"},
		"too long":         {`{"text":"` + strings.Repeat("ä", MaxText+1) + `"}`, "text is longer than 5000 characters", "text"},
		"another field":    {`{"text":"a","note_id":"b"}`, `unknown field "note_id"`, "note_id"},
		"another case":     {`{"Text":"a"}`, `unknown field "Text"`, "Text"},
		"twice":            {`{"text":"a","t\u0065xt":"b"}`, `field "text" is given twice`, "text"},
		"a list":           {`["text"]`, "the body must be a JSON object", ""},
		"trailing data":    {`{"text":"a"} {}`, "the body is not valid JSON", ""},
		"of full length":   {`{"text":"` + strings.Repeat("ä", MaxText) + `"}`, "", ""},
		"a text":           {`{"text":" a \ud83d\ude00\n"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseNote([]byte(tc.body))
			wantRefusal(t, err, tc.message, tc.field)
		})
	}
}

func TestNoteIDsAreInTheOrderOfTheirCreationAndHaveOneSpelling(t *testing.T) {
	var ids []string
	for range 1000 {
		id, err := newNoteID()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id.String())
	}
	if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 1000 {
		t.Error("not in order, or not unique")
	}
	id := "0190a6b3-5c5e-7aaa-8bbb-0123456789ab"
	if got, ok := parseNoteID(id); !ok || got != uuid.MustParse(id) {
		t.Errorf("%v, %v", got, ok)
	}
	for _, bad := range []string{"", "x", strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id + "0"} {
		if _, ok := parseNoteID(bad); ok {
			t.Errorf("%q is taken for an ID", bad)
		}
	}
}

func TestParsePage(t *testing.T) {
	id := "0190a6b3-5c5e-7aaa-8bbb-0123456789ab"
	for query, want := range map[string]page{
		"":                      {limit: DefaultPage},
		"after=&limit=":         {limit: DefaultPage},
		"limit=1":               {limit: 1},
		"limit=100&after=" + id: {after: uuid.MustParse(id), limit: MaxPage},
	} {
		if got, err := parsePage(query); err != nil || got != want {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=101": "limit", "limit=-1": "limit", "limit=x": "limit", "limit=05": "limit", "limit=1e1": "limit",
		"limit=99999999999999999999": "limit", "limit=1&limit=2": "limit", "after=x": "after", "after=" + strings.ToUpper(id): "after",
		"page=2": "page", "Limit=1": "Limit", "limit=%zz": "", "limit=1;after=x": "",
	} {
		_, err := parsePage(query)
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeInvalid || e.Field != field {
			t.Errorf("%s: %v, want %q to be at fault", query, err, field)
		}
	}
}

func FuzzParseNote(f *testing.F) {
	for _, seed := range []string{`{"text":"a"}`, `{"text":"\ud83d\ude00\u0000"}`, `{"text":null,"x":1}`, ``, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := parseNote(body)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("an error that is not the client's: %v", err)
			}
			return
		}
		if blank(text) || !utf8.ValidString(text) || strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > MaxText {
			t.Errorf("took the text %.100q", text)
		}
	})
}
