package router

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/cellway/cellway/router/edge"
)

// readBody reads the body whole: a cell never sees the head of a request whose body is broken or too long.
func readBody(c *gin.Context, limit int64) ([]byte, *edge.Problem) {
	r := c.Request
	if r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, limit))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, tooLarge(limit)
	}
	if err != nil {
		return nil, badRequest(edge.Problem{
			Error: "Body not readable", Details: "it is broken or breaks off; nothing was done", Code: codeInvalidBody,
		})
	}
	return raw, nil
}

func tooLarge(limit int64) *edge.Problem {
	return &edge.Problem{
		Status: http.StatusRequestEntityTooLarge, Error: "Body too large",
		Details: fmt.Sprintf("at most %d bytes", limit), Code: codeTooLarge,
	}
}
