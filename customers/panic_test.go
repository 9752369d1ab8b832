package customers

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

func TestPanicIsAnAnswerAndALogLine(t *testing.T) {
	for method, want := range map[string]struct {
		status int
		code   string
	}{"GET": {500, "internal"}, "HEAD": {500, ""}, "PUT": {502, "outcome_unknown"}} {
		var log bytes.Buffer
		a := &app{cfg: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		engine := gin.New()
		engine.Use(a.recover)
		engine.Handle(method, "/", func(*gin.Context) { panic("a secret") })
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, httptest.NewRequest(method, "/", nil))

		body := answer.Body.String()
		if answer.Code != want.status || !strings.Contains(body, want.code) || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s", method, answer.Code, body)
		}
		if !strings.Contains(log.String(), "a secret") || !strings.Contains(log.String(), "panic_test.go") {
			t.Errorf("%s: the log does not say what happened, and where: %s", method, log.String())
		}
	}
}
