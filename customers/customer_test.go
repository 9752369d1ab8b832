package customers

import (
	"errors"
	"strings"
	"testing"
)

func TestChangeForANewCustomer(t *testing.T) {
	const missing = "Name and email are required"
	for name, tc := range map[string]struct {
		body, message, field string
	}{
		"nothing":             {``, missing, "name"},
		"an empty object":     {`{}`, missing, "name"},
		"no name":             {`{"email":"a@b"}`, missing, "name"},
		"no email":            {`{"name":"A"}`, missing, "email"},
		"empty name":          {`{"name":"","email":"a@b"}`, missing, "name"},
		"blank email":         {`{"name":"A","email":" \t\u00a0"}`, missing, "email"},
		"name too long":       {`{"name":"` + strings.Repeat("ä", MaxName+1) + `","email":"a@b"}`, "name is longer than 500 characters", "name"},
		"email too long":      {`{"name":"A","email":"` + strings.Repeat("a", MaxEmail+1) + `"}`, "email is longer than 320 characters", "email"},
		"name of full length": {`{"name":"` + strings.Repeat("ä", MaxName) + `","email":"a@b"}`, "", ""},
		"name and email":      {`{"name":"A","email":"a@b"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parseChange([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, c.checkNew(), tc.message, tc.field)
		})
	}
}

func TestChangeOfACustomer(t *testing.T) {
	for name, tc := range map[string]struct {
		body, message, field string
	}{
		"nothing":         {``, "No data provided", ""},
		"an empty object": {`{}`, "No data provided", ""},
		"blank name":      {`{"name":" "}`, "name must not be blank", "name"},
		"empty email":     {`{"email":""}`, "email must not be blank", "email"},
		"email too long":  {`{"email":"` + strings.Repeat("a", MaxEmail+1) + `"}`, "email is longer than 320 characters", "email"},
		"name alone":      {`{"name":"A"}`, "", ""},
		"empty profile":   {`{"profile":{}}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parseChange([]byte(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			wantRefusal(t, c.checkUpdate(), tc.message, tc.field)
		})
	}
}

func wantRefusal(t *testing.T, err error, message, field string) {
	t.Helper()
	if message == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Message != message || e.Field != field {
		t.Errorf("got %v, want %q about %q", err, message, field)
	}
}
