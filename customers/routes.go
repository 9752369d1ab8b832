package customers

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/cellway/cellway/internal/routekey"
)

// request is what an operation sees of an HTTP request.
type request struct {
	id    string    // of the customer
	note  uuid.UUID // where the path names one
	query string    // as it was sent
	body  []byte
}

// answer is what an operation says; a nil body is an empty one.
type answer struct {
	status int
	body   any
}

type operation func(context.Context, request) (answer, error)

// resource is what a path leads to: an operation for each method that it has. HEAD is GET without the body.
type resource struct {
	post, get, put, delete operation
}

func (r resource) operation(method string) operation {
	switch method {
	case http.MethodPost:
		return r.post
	case http.MethodGet, http.MethodHead:
		return r.get
	case http.MethodPut:
		return r.put
	case http.MethodDelete:
		return r.delete
	}
	return nil
}

// allow is the resource's value of the header Allow.
func (r resource) allow() string {
	var methods []string
	for _, m := range []string{http.MethodPost, http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		if r.operation(m) != nil {
			methods = append(methods, m)
		}
	}
	return strings.Join(methods, ", ")
}

// find reads the path. One that leads nowhere below a customer is taken for an ID with slashes in it, which is none.
func (a *app) find(r *http.Request) (request, resource, error) {
	id, below, err := routekey.Split(r.URL.EscapedPath(), prefix)
	if err != nil {
		return request{}, resource{}, invalidID(err.Error())
	}
	req := request{id: id, query: r.URL.RawQuery}
	if below == "" {
		return req, resource{post: a.create, get: a.get, put: a.update, delete: a.delete}, nil
	}
	name, ok := strings.CutPrefix(below, "/notes")
	switch {
	case !ok:
	case name == "":
		return req, resource{post: a.createNote, get: a.listNotes}, nil
	case strings.Count(name, "/") == 1 && name[0] == '/':
		if req.note, ok = parseNoteID(name[1:]); !ok {
			return req, resource{}, &Error{
				Code: CodeInvalidID, Message: "Invalid note ID", Details: "note_id is a UUID, in lower case", Field: "note_id",
			}
		}
		return req, resource{get: a.getNote, put: a.updateNote, delete: a.deleteNote}, nil
	}
	return req, resource{}, invalidID("nothing follows a customer_id but /notes and /notes/{note_id}")
}

func invalidID(details string) error {
	return &Error{Code: CodeInvalidID, Message: "Invalid customer ID", Details: details, Field: "customer_id"}
}
