package customers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parseChange reads what a request asks to set of a customer. An empty body is an empty change.
func parseChange(body []byte) (Change, error) {
	var c Change
	err := parseObject(body, c.set)
	return c, err
}

// parseObject reads the JSON object of a request and sets its fields, strictly: encoding/json alone would take the
// last of two equal fields, match names in any case, and put replacement characters where a text cannot be
// represented. An empty body has no fields.
func parseObject(body []byte, set func(field) error) error {
	if len(bytes.Trim(body, " \t\r\n")) == 0 {
		return nil
	}
	if !utf8.Valid(body) {
		return invalid("the body is not valid UTF-8")
	}
	fields, err := splitObject(body)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.name] {
			return invalidField(short(f.name), fmt.Sprintf("field %.64q is given twice", f.name))
		}
		seen[f.name] = true
		if err := set(f); err != nil {
			return err
		}
	}
	return nil
}

type field struct {
	name string
	raw  json.RawMessage
}

// splitObject returns the members of a JSON object, as they were written.
func splitObject(body []byte) ([]field, error) {
	var whole json.RawMessage
	// Unmarshal checks the syntax to the last byte: what follows the value is an error too.
	if err := json.Unmarshal(body, &whole); err != nil {
		return nil, &Error{Code: CodeInvalid, Message: "the body is not valid JSON", Details: err.Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, invalid("the body must be a JSON object")
	}
	var fields []field
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read a field's name: %w", err)
		}
		f := field{name: fmt.Sprint(name)}
		if err := dec.Decode(&f.raw); err != nil {
			return nil, fmt.Errorf("read a field's value: %w", err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func (c *Change) set(f field) error {
	var err error
	switch f.name {
	case "name":
		c.Name, err = f.text()
	case "email":
		c.Email, err = f.text()
	case "profile":
		c.Profile, err = f.object()
	default:
		err = unknownField(f)
	}
	return err
}

func unknownField(f field) error {
	return invalidField(short(f.name), fmt.Sprintf("unknown field %.64q", f.name))
}

func (f field) text() (*string, error) {
	if f.raw[0] != '"' {
		return nil, invalidField(f.name, f.name+" must be a text")
	}
	if err := checkEscapes(f.raw); err != nil {
		return nil, invalidField(f.name, f.name+" "+err.Error())
	}
	var s string
	if err := json.Unmarshal(f.raw, &s); err != nil {
		return nil, fmt.Errorf("read the text of %s: %w", f.name, err)
	}
	return &s, nil
}

func (f field) object() (json.RawMessage, error) {
	if f.raw[0] != '{' {
		return nil, invalidField(f.name, f.name+" must be an object")
	}
	if err := checkEscapes(f.raw); err != nil {
		return nil, invalidField(f.name, f.name+" "+err.Error())
	}
	if err := checkTree(f.raw); err != nil {
		return nil, invalidField(f.name, f.name+" "+err.Error())
	}
	return f.raw, nil
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// short keeps an answer from repeating a megabyte of field name.
func short(name string) string {
	if utf8.RuneCountInString(name) <= 64 {
		return name
	}
	return string([]rune(name)[:64])
}
