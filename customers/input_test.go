package customers

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseChangeRefusesWhatItCannotStoreAsSent(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)
	for name, tc := range map[string]struct{ body, field, message string }{
		"unknown field":                   {`{"name":"A","nick":"B"}`, "nick", `unknown field "nick"`},
		"field in another case":           {`{"Name":"A"}`, "Name", `unknown field "Name"`},
		"name is a number":                {`{"name":5}`, "name", "name must be a text"},
		"name is null":                    {`{"name":null}`, "name", "name must be a text"},
		"email is an object":              {`{"email":{}}`, "email", "email must be a text"},
		"profile is null":                 {`{"profile":null}`, "profile", "profile must be an object"},
		"profile is a list":               {`{"profile":[]}`, "profile", "profile must be an object"},
		"profile is a text":               {`{"profile":"{}"}`, "profile", "profile must be an object"},
		"NUL in name":                     {`{"name":"A\u0000B"}`, "name", `name must not contain NUL (\u0000)`},
		"NUL deep in profile":             {`{"profile":{"a":[{"b":"\u0000"}]}}`, "profile", `profile must not contain NUL (\u0000)`},
		"NUL in a key":                    {`{"profile":{"\u0000":1}}`, "profile", `profile must not contain NUL (\u0000)`},
		"NUL in a field's name":           {`{"na\u0000me":"A"}`, "na\x00me", `unknown field "na\x00me"`},
		"raw NUL":                         {"{\"name\":\"A\x00\"}", "", "the body is not valid JSON"},
		"high surrogate alone":            {`{"email":"\ud800"}`, "email", "email contains half of a surrogate pair"},
		"high surrogate before a letter":  {`{"email":"\ud800\u0041"}`, "email", "email contains half of a surrogate pair"},
		"low surrogate alone":             {`{"profile":{"a":"\udc00x"}}`, "profile", "profile contains half of a surrogate pair"},
		"invalid UTF-8":                   {"{\"name\":\"\xff\"}", "", "the body is not valid UTF-8"},
		"trailing data":                   {`{"name":"A"} {}`, "", "the body is not valid JSON"},
		"trailing comma":                  {`{"name":"A",}`, "", "the body is not valid JSON"},
		"cut short":                       {`{"name":"A"`, "", "the body is not valid JSON"},
		"a list":                          {`[]`, "", "the body must be a JSON object"},
		"null":                            {`null`, "", "the body must be a JSON object"},
		"byte order mark":                 {"\ufeff{}", "", "the body is not valid JSON"},
		"field given twice":               {`{"name":"A","name":"B"}`, "name", `field "name" is given twice`},
		"field given twice, once escaped": {`{"name":"A","n\u0061me":"B"}`, "name", `field "name" is given twice`},
		"key twice in profile":            {`{"profile":{"x":[{"k":1,"k":2}]}}`, "profile", `profile has the key "k" twice in one object`},
		"profile too deep":                {`{"profile":` + deep + `}`, "profile", "profile is nested deeper than 100 levels"},
		"number too long":                 {`{"profile":{"n":1e1001}}`, "profile", "profile contains a number of more than 1000 digits"},
		"exponent beyond any integer":     {`{"profile":{"n":1e99999999999999999999}}`, "profile", "profile contains a number of more than 1000 digits"},
		"exponent at an integer's end":    {`{"profile":{"n":1e9223372036854775807}}`, "profile", "profile contains a number of more than 1000 digits"},
		"numbers that grow": {
			`{"profile":{"n":[1` + strings.Repeat(",1e900", 1200) + `]}}`, "profile", "profile contains too many numbers with large exponents",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseChange([]byte(tc.body))
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Code != CodeInvalid || e.Field != tc.field || e.Message != tc.message {
				t.Errorf("got %q field %q (%s)", e.Message, e.Field, e.Code)
			}
		})
	}
}

func TestParseChangeTakesTextsAndNumbersAsTheyAre(t *testing.T) {
	body := " {\"name\" : \"\\u00e4 \\\\u0000 \\ud83d\\ude00 \ufffd\", \"profile\":{\"n\": 12345678901234567890.10, \"\\\\\":\"\\\"\"}}\r\n"
	c, err := parseChange([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if want := "ä \\u0000 😀 \ufffd"; *c.Name != want {
		t.Errorf("name %q, want %q", *c.Name, want)
	}
	if want := `{"n": 12345678901234567890.10, "\\":"\""}`; string(c.Profile) != want {
		t.Errorf("profile %s, want %s", c.Profile, want)
	}
	if c.Email != nil {
		t.Errorf("email %q, want none", *c.Email)
	}
}

func TestParseChangeTakesNothingFromAnEmptyBody(t *testing.T) {
	for _, body := range []string{"", " \r\n\t", "{}", " { } "} {
		if c, err := parseChange([]byte(body)); err != nil || !c.empty() {
			t.Errorf("body %q: %+v, %v", body, c, err)
		}
	}
}

func TestParseChangeDoesNotRepeatALongFieldName(t *testing.T) {
	_, err := parseChange([]byte(`{"` + strings.Repeat("ä", 10000) + `":1}`))
	e, ok := errors.AsType[*Error](err)
	if !ok || len(e.Message) > 200 || len(e.Field) > 200 || !utf8.ValidString(e.Field) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseChange(f *testing.F) {
	for _, seed := range []string{
		`{"name":"A","email":"a@example.org","profile":{"a":[1,2.50,{"b":null}]}}`,
		`{"name":"\ud83d\ude00","email":"\u0000"}`, `{"profile":{"\ud800":1e400}}`, `{}`, ``, `[`, `{"name":"A"}x`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := parseChange(body)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("an error that is not the client's: %v", err)
			}
			return
		}
		for _, text := range []*string{c.Name, c.Email} {
			if text != nil && (!utf8.ValidString(*text) || strings.ContainsRune(*text, 0)) {
				t.Errorf("took the text %q", *text)
			}
		}
		if c.Profile != nil && (c.Profile[0] != '{' || !json.Valid(c.Profile)) {
			t.Errorf("took the profile %q", c.Profile)
		}
	})
}
