package customers

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/google/uuid"
)

// How many notes a page of their list has.
const (
	DefaultPage = 50
	MaxPage     = 100
)

// page is the part of a list that a request asks for: what comes after an ID, in the order of the IDs. Unlike a
// number of rows to pass over, it names the same place when rows before it come and go, or when the list has gone to
// another database between two pages.
type page struct {
	after uuid.UUID // the zero ID comes before all others
	limit int
}

// parsePage reads the query of a list. An empty value is as good as none.
func parsePage(rawQuery string) (page, error) {
	p := page{limit: DefaultPage}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return p, &Error{Code: CodeInvalid, Message: "the query is malformed", Details: err.Error()}
	}
	for name, values := range query {
		if len(values) > 1 {
			return p, invalidField(short(name), fmt.Sprintf("parameter %.64q is given twice", name))
		}
		if err := p.set(name, values[0]); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *page) set(name, value string) error {
	known := name == "after" || name == "limit"
	switch {
	case !known:
		return invalidField(short(name), fmt.Sprintf("unknown parameter %.64q", name))
	case value == "":
		return nil
	case name == "after":
		var ok bool
		if p.after, ok = parseNoteID(value); !ok {
			return invalidField("after", "after must be a note_id")
		}
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || n < 1 || n > MaxPage || value[0] == '0' {
		return invalidField("limit", fmt.Sprintf("limit must be a number from 1 to %d", MaxPage))
	}
	p.limit = int(n)
	return nil
}
