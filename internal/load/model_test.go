package load

import (
	"net/http"
	"slices"
	"testing"
)

func TestAnUnknownOutcomeIsSettledByTheNextRead(t *testing.T) {
	for _, done := range []bool{false, true} {
		c := &Customer{id: "load-00000", exists: true, n: 1}
		c.wrote(outcome(http.StatusBadGateway, http.StatusOK), Expected{true, 2})
		if want := []Expected{{true, 1}, {true, 2}}; !slices.Equal(c.States(), want) {
			t.Errorf("states %v, want %v", c.States(), want)
		}
		if c.read(Expected{true, 3}) == nil {
			t.Error("a value that nobody wrote is accepted")
		}
		n := map[bool]int{false: 1, true: 2}[done]
		if err := c.read(Expected{true, n}); err != nil {
			t.Error(err)
		}
		if want := []Expected{{true, n}}; !slices.Equal(c.States(), want) {
			t.Errorf("states %v, want %v", c.States(), want)
		}
	}
}

func TestARefusedWriteChangesNothing(t *testing.T) {
	c := &Customer{id: "load-00000", exists: true, n: 1}
	c.wrote(outcome(http.StatusServiceUnavailable, http.StatusOK), Expected{true, 2})
	if want := []Expected{{true, 1}}; !slices.Equal(c.States(), want) {
		t.Errorf("states %v, want %v", c.States(), want)
	}
}
