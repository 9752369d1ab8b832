// Package routekey is the one rule for what a routing key (a customer ID) may look like. The router, a cell's
// gate and the application all ask it, so that none of them can read another key out of the same request.
package routekey

import (
	"errors"
	"net/url"
	"strings"
)

// MaxLen is the longest key, in bytes.
const MaxLen = 128

// ErrInvalid is returned for anything that is not a key.
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
	segment, ok := strings.CutPrefix(escapedPath, prefix)
	if !ok || strings.Contains(segment, "/") {
		return "", ErrInvalid
	}
	decoded, err := url.PathUnescape(segment)
	if err != nil {
		return "", ErrInvalid
	}
	return Parse(decoded)
}

func alnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}
