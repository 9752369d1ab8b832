package customers

import (
	"errors"
	"net/http"
)

// Code says what kind of failure an [Error] is; clients see it as "code".
type Code string

// The codes of this API. Each has one HTTP status, in the table below.
const (
	CodeInvalidID      Code = "invalid_id"
	CodeInvalid        Code = "invalid_request"
	CodeNotFound       Code = "not_found"
	CodeExists         Code = "already_exists"
	CodeTooLarge       Code = "body_too_large"
	CodeMediaType      Code = "unsupported_media_type"
	CodeNoRoute        Code = "no_such_path"
	CodeMethod         Code = "method_not_allowed"
	CodeNotDone        Code = "not_done"        // nothing was done; safe to repeat
	CodeOutcomeUnknown Code = "outcome_unknown" // it may have been done, or not
	CodeInternal       Code = "internal"
)

var statuses = map[Code]int{
	CodeInvalidID:      http.StatusBadRequest,
	CodeInvalid:        http.StatusBadRequest,
	CodeNotFound:       http.StatusNotFound,
	CodeExists:         http.StatusConflict,
	CodeTooLarge:       http.StatusRequestEntityTooLarge,
	CodeMediaType:      http.StatusUnsupportedMediaType,
	CodeNoRoute:        http.StatusNotFound,
	CodeMethod:         http.StatusMethodNotAllowed,
	CodeNotDone:        http.StatusServiceUnavailable,
	CodeOutcomeUnknown: http.StatusBadGateway,
	CodeInternal:       http.StatusInternalServerError,
}

// Error is a failure in the words of this application. Cause is for the log; clients never see it.
type Error struct {
	Code    Code
	Message string
	Details string
	Field   string // the field of the request that is at fault, if one is
	Cause   error
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	if e.Details != "" {
		text += " (" + e.Details + ")"
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

func (e *Error) status() int {
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

func invalid(message string) *Error { return &Error{Code: CodeInvalid, Message: message} }

func invalidField(field, message string) *Error {
	return &Error{Code: CodeInvalid, Message: message, Field: field}
}

func notFound() error { return &Error{Code: CodeNotFound, Message: "Customer not found"} }

// errNoNote: the customer is there, and has no such note.
var errNoNote = &Error{Code: CodeNotFound, Message: "Note not found", Field: "note_id"}

func notDone(cause error) error {
	return &Error{
		Code: CodeNotDone, Message: "Service unavailable",
		Details: "the database did not take the request; nothing was done", Cause: cause,
	}
}

func outcomeUnknown(cause error) error {
	return &Error{
		Code: CodeOutcomeUnknown, Message: "Outcome unknown",
		Details: "the database was lost while it stored the change: it may have been done, or not", Cause: cause,
	}
}

// asError makes an Error of any error: what this application has no word for is internal.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Message: "Internal error", Cause: err}
}
