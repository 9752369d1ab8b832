package customers

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Limits on the texts of a customer, in characters.
const (
	MaxName  = 500
	MaxEmail = 320 // 64 before the @, 255 behind it (RFC 5321, 4.5.3.1)
)

// Customer is one customer's record.
type Customer struct {
	ID        string
	Name      string
	Email     string
	Profile   json.RawMessage // a JSON object, as the database holds it: numbers keep their digits
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Change is what a request asks to set. A nil field stays as it is.
type Change struct {
	Name    *string
	Email   *string
	Profile json.RawMessage
}

func (c Change) empty() bool { return c.Name == nil && c.Email == nil && c.Profile == nil }

// checkNew refuses a change that does not make a new customer.
func (c Change) checkNew() error {
	for _, f := range []struct {
		name  string
		value *string
	}{{"name", c.Name}, {"email", c.Email}} {
		if f.value == nil {
			return required(f.name, f.name+" is missing")
		}
		if blank(*f.value) {
			return required(f.name, f.name+" must not be blank")
		}
	}
	return c.checkLengths()
}

// checkUpdate refuses a change that sets nothing, or something to blank.
func (c Change) checkUpdate() error {
	if c.empty() {
		return &Error{Code: CodeInvalid, Message: "No data provided"}
	}
	if c.Name != nil && blank(*c.Name) {
		return invalidField("name", "name must not be blank")
	}
	if c.Email != nil && blank(*c.Email) {
		return invalidField("email", "email must not be blank")
	}
	return c.checkLengths()
}

func (c Change) checkLengths() error {
	if c.Name != nil && utf8.RuneCountInString(*c.Name) > MaxName {
		return invalidField("name", "name is longer than 500 characters")
	}
	if c.Email != nil && utf8.RuneCountInString(*c.Email) > MaxEmail {
		return invalidField("email", "email is longer than 320 characters")
	}
	return nil
}

func required(field, details string) error {
	return &Error{Code: CodeInvalid, Message: "Name and email are required", Details: details, Field: field}
}
