package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/cellway/cellway/internal/load"
)

// ErrIllegal: no order of the operations explains the answers; the message names the customers.
var ErrIllegal = errors.New("not linearizable")

// ErrUnknown: the search did not end within its time. Nothing is proved either way.
var ErrUnknown = errors.New("linearizability unknown: the search did not end in time")

// Check searches for an order of each customer's operations that explains all answers, for at most limit.
func Check(ops []load.Operation, limit time.Duration) error {
	began := time.Now()
	switch porcupine.CheckOperationsTimeout(register(), forPorcupine(ops), limit) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("%w (%v, %d operations)", ErrUnknown, time.Since(began).Round(time.Millisecond), len(ops))
	default:
		return fmt.Errorf("%w: %s", ErrIllegal, culprits(ops, limit))
	}
}

// culprits says which customers' answers no order explains.
func culprits(ops []load.Operation, limit time.Duration) string {
	byID := map[string][]load.Operation{}
	for _, op := range ops {
		byID[op.Customer] = append(byID[op.Customer], op)
	}
	var ids []string
	for id, own := range byID {
		if porcupine.CheckOperationsTimeout(register(), forPorcupine(own), limit) == porcupine.Illegal {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return "some customer, whom a second search did not find"
	}
	slices.Sort(ids)
	return fmt.Sprintf("%d customers: %s\n%s:\n%s", len(ids), strings.Join(ids[:min(len(ids), 10)], ", "), ids[0], tell(ops, ids[0], 60))
}
