package history

import (
	"errors"
	"fmt"
	"time"

	"github.com/cellway/cellway/internal/load"
)

// Judge requires a strong and linearizable history. One that is neither is saved below dir (see [Save]), and the error
// says where, and how it is checked again.
func Judge(dir string, ops []load.Operation, need Need, limit time.Duration) error {
	err := errors.Join(need.Missing(ops), Check(ops, limit))
	if err == nil {
		return nil
	}
	path, saved := Save(dir, ops)
	if saved != nil {
		return errors.Join(err, saved)
	}
	return fmt.Errorf("%w\nthe history is in %s; check it again: go test -run TestReplay ./internal/history -args %s", err, path, path)
}
