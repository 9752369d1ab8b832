// Package routekey is the one rule for what a routing key (a customer ID) may look like, and for the path that it
// stands in. The router, a cell's gate and the application all ask it, so that none of them can read another key
// out of the same request.
package routekey

import (
	"errors"
	"net/url"
	"strings"
)

const (
	// MaxLen is the longest key, in bytes.
	MaxLen = 128
	// MaxBelow is how many segments of a path may follow the key.
	MaxBelow = 8
)

// ErrInvalid is returned for anything that is not a key, or does not lead to one.
var ErrInvalid = errors.New("customer_id must match [A-Za-z0-9][A-Za-z0-9._~@+-]{0,127}")

// Parse checks a decoded key.
func Parse(s string) (string, error) {
	if s == "" || len(s) > MaxLen || !alnum(s[0]) {
		return "", ErrInvalid
	}
	for i := 1; i < len(s); i++ {
		if !alnum(s[i]) && !strings.ContainsRune("._~@+-", rune(s[i])) {
			return "", ErrInvalid
		}
	}
	return s, nil
}

// FromPath takes the key out of an escaped URL path below prefix (which ends in a slash): it is decoded once,
// then checked. The path must hold the prefix and one segment, nothing more.
func FromPath(escapedPath, prefix string) (string, error) {
	key, ok := strings.CutPrefix(escapedPath, prefix)
	if !ok {
		return "", ErrInvalid
	}
	return segment(key) // refuses a slash
}

// Split is FromPath for a path that may go on below the key: each segment there is decoded once, too, and must look
// like a key, so that there is one way to write it and nothing in it can lead elsewhere (no empty segment, no encoded
// slash, no dots to begin with). below is "" or begins with a slash; prefix + key + below is the path, plainly written.
func Split(escapedPath, prefix string) (key, below string, err error) {
	path, ok := strings.CutPrefix(escapedPath, prefix)
	if !ok {
		return "", "", ErrInvalid
	}
	first, rest, more := strings.Cut(path, "/")
	if key, err = segment(first); err != nil {
		return "", "", err
	}
	for n := 0; more; n++ {
		var next string
		next, rest, more = strings.Cut(rest, "/")
		if next, err = segment(next); err != nil || n == MaxBelow {
			return "", "", ErrInvalid
		}
		below += "/" + next
	}
	return key, below, nil
}

func segment(escaped string) (string, error) {
	decoded, err := url.PathUnescape(escaped)
	if err != nil {
		return "", ErrInvalid
	}
	return Parse(decoded)
}

func alnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}
