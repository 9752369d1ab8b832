package edge

import (
	"strings"

	"github.com/google/uuid"
)

const maxRequestID = 64

// requestID returns the client's own request ID if it can stand in a header, a log and a page: up to 64 of
// [A-Za-z0-9._-]; else a new one.
func requestID(given string) string {
	if given == "" || len(given) > maxRequestID {
		return uuid.NewString()
	}
	if strings.Trim(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return uuid.NewString()
	}
	return given
}
