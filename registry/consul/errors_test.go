package consul

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

func TestFailed(t *testing.T) {
	live := t.Context()
	ended, cancel := context.WithCancel(live)
	cancel()
	for name, c := range map[string]struct {
		ctx         context.Context
		err         error
		unavailable bool
		canceled    bool
	}{
		"connection ended":         {live, io.ErrUnexpectedEOF, true, false},
		"no leader":                {live, api.StatusError{Code: 500, Body: "No cluster leader"}, true, false},
		"too many requests":        {live, api.StatusError{Code: 429}, true, false},
		"token not accepted":       {live, api.StatusError{Code: 403}, true, false},
		"bad request":              {live, api.StatusError{Code: 400}, false, false},
		"bound of one request":     {live, context.DeadlineExceeded, true, false},
		"caller's context ended":   {ended, io.ErrUnexpectedEOF, true, true},
		"other error, caller over": {ended, api.StatusError{Code: 500}, true, true},
	} {
		got := failed(c.ctx, "act", c.err)
		if got == nil || errors.Is(got, registry.ErrUnavailable) != c.unavailable || errors.Is(got, context.Canceled) != c.canceled {
			t.Errorf("%s: error %v; want unavailable %v, canceled %v", name, got, c.unavailable, c.canceled)
		}
		if errors.Is(got, context.DeadlineExceeded) {
			t.Errorf("%s: error %v shows a deadline that the caller did not set", name, got)
		}
	}
	if failed(live, "act", nil) != nil {
		t.Error("success has failed")
	}
}
