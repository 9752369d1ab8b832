package customers

import (
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxText is the longest text of a note, in characters. A full page of such texts, each character written as an
// escape of six bytes, stays below 4 MiB.
const MaxText = 5000

// Note is a text about a customer.
type Note struct {
	ID        uuid.UUID
	Text      string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// newNoteID draws an ID. It is a UUID of version 7: unique without asking anybody, so it stays unique when the
// customer's rows go to another database, where a sequence would begin anew; and it begins with the time, so that
// notes in the order of their IDs are in the order of their creation (to within the clocks of the processes that
// drew them) and new ones come at the end of the index.
func newNoteID() (uuid.UUID, error) { return uuid.NewV7() }

// parseNoteID accepts the one way in which this API writes an ID.
func parseNoteID(s string) (uuid.UUID, bool) {
	id, err := uuid.Parse(s)
	return id, err == nil && id.String() == s
}

// parseNote reads a note's body: its text, which is all that a request can set.
func parseNote(body []byte) (string, error) {
	var text *string
	err := parseObject(body, func(f field) (err error) {
		if f.name != "text" {
			return unknownField(f)
		}
		text, err = f.text()
		return err
	})
	switch {
	case err != nil:
		return "", err
	case text == nil:
		return "", textRequired("text is missing")
	case blank(*text):
		return "", textRequired("text must not be blank")
	case utf8.RuneCountInString(*text) > MaxText:
		return "", invalidField("text", "text is longer than 5000 characters")
	}
	return *text, nil
}

func textRequired(details string) error {
	return &Error{Code: CodeInvalid, Message: "Text is required", Details: details, Field: "text"}
}
