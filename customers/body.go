package customers

import (
	"io"
	"mime"
	"net/http"
	"strings"
)

// readBody reads the request to its end. A body that breaks off, or whose chunks are broken, is found out here,
// before anything is done with the part that arrived.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(w)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Message: "the body is incomplete or broken", Cause: err}
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(w)
	}
	if len(body) == 0 {
		return nil, nil
	}
	return body, checkMediaType(r.Header)
}

// tooLarge leaves the rest unread, so the connection cannot be used again.
func tooLarge(w http.ResponseWriter) error {
	w.Header().Set("Connection", "close")
	return &Error{Code: CodeTooLarge, Message: "the body is too large"}
}

// checkMediaType accepts JSON, and requests that do not say what they carry: `curl -d` alone names a form, which is
// read as JSON all the same.
func checkMediaType(h http.Header) error {
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return &Error{Code: CodeMediaType, Message: "Content-Encoding is not supported", Field: "Content-Encoding"}
	}
	value := h.Get("Content-Type")
	if value == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(value)
	charset := params["charset"]
	switch {
	case err != nil, charset != "" && !strings.EqualFold(charset, "utf-8"):
	case kind == "application/json", kind == "application/x-www-form-urlencoded":
		return nil
	}
	return &Error{Code: CodeMediaType, Message: "Content-Type must be application/json", Field: "Content-Type"}
}
