package consul

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/consul/api"

	"github.com/cellway/cellway/registry"
)

// failed wraps what a call to Consul returned with the act that failed.
//
// Every failure to get an answer is registry.ErrUnavailable: a connection that failed, a bound that was
// reached, a Consul without a leader, a token that it does not accept. Only Consul's word that the request
// itself is wrong (400, 404, 405, 413) is not: repeating it would not help. If the caller's own context has
// ended, its error shows too; the bound of one request does not, because the caller did not set it.
func failed(ctx context.Context, act string, err error) error {
	if err == nil {
		return nil
	}
	if status := (api.StatusError{}); errors.As(err, &status) && refused(status.Code) {
		return fmt.Errorf("%s: consul refused the request: %w", act, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w: %w", act, registry.ErrUnavailable, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w: %s", act, registry.ErrUnavailable, err.Error())
}

func refused(code int) bool {
	switch code {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return true
	default:
		return false
	}
}

// unknownCheck is Consul's answer to a beat for a registration that it has lost.
func unknownCheck(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}
