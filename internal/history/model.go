package history

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/cellway/cellway/internal/load"
)

// customer is the state of one customer.
type customer struct {
	exists bool
	n      int
}

// open says whether the answer leaves it open whether the operation was done.
func open(op load.Operation) bool {
	return op.Status == 0 || op.Status == http.StatusBadGateway
}

// says whether the operation, by its answer, says anything about the customer.
func says(op load.Operation) bool {
	switch op.Status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent, http.StatusNotFound, http.StatusConflict:
		return true
	}
	return open(op) && op.Kind != load.KindRead
}

// step is the operation done to a customer: whether its answer fits, and what it leaves.
func step(c customer, op load.Operation) (fits bool, after customer) {
	after = apply(c, op)
	switch {
	case open(op):
		return true, after
	case op.Status == http.StatusNotFound:
		return !c.exists && op.Kind != load.KindCreate, after
	case op.Status == http.StatusConflict:
		return c.exists && op.Kind == load.KindCreate, after
	case op.Kind == load.KindCreate:
		return !c.exists && op.Status == http.StatusCreated, after
	case op.Kind == load.KindRead:
		return c.exists && c.n == op.Read, after
	default:
		return c.exists, after
	}
}

// apply is what the operation leaves, whatever was answered.
func apply(c customer, op load.Operation) customer {
	switch {
	case op.Kind == load.KindCreate && !c.exists, op.Kind == load.KindWrite && c.exists:
		return customer{true, op.N}
	case op.Kind == load.KindDelete:
		return customer{}
	}
	return c
}

// register is the model for Porcupine: every customer is a history of its own.
func register() porcupine.Model {
	return porcupine.Model{
		Partition: byCustomer,
		Init:      func() any { return customer{} },
		Step: func(state, input, _ any) (bool, any) {
			c, _ := state.(customer)
			op, _ := input.(load.Operation)
			return step(c, op)
		},
		DescribeOperation: func(input, _ any) string {
			op, _ := input.(load.Operation)
			return describe(op)
		},
	}
}

func byCustomer(all []porcupine.Operation) [][]porcupine.Operation {
	groups := map[string][]porcupine.Operation{}
	for _, o := range all {
		op, _ := o.Input.(load.Operation)
		groups[op.Customer] = append(groups[op.Customer], o)
	}
	out := make([][]porcupine.Operation, 0, len(groups))
	for _, g := range groups {
		out = append(out, g)
	}
	return out
}

// forPorcupine leaves out what says nothing, and lets what is open return never.
func forPorcupine(ops []load.Operation) []porcupine.Operation {
	out := make([]porcupine.Operation, 0, len(ops))
	for _, op := range ops {
		if !says(op) {
			continue
		}
		o := porcupine.Operation{ClientId: op.Client, Input: op, Call: op.Call, Return: op.Return}
		if open(op) {
			o.Return = math.MaxInt64
		}
		out = append(out, o)
	}
	return out
}

func describe(op load.Operation) string {
	what := string(op.Kind)
	if op.N != 0 {
		what += fmt.Sprintf(" %d", op.N)
	}
	answer := fmt.Sprintf("%d", op.Status)
	switch {
	case open(op):
		answer += " (open)"
	case op.Kind == load.KindRead && op.Status == http.StatusOK:
		answer += fmt.Sprintf(" %d", op.Read)
	}
	return what + " -> " + answer
}

// tell lists the customer's operations, the last of them if there are many.
func tell(ops []load.Operation, id string, most int) string {
	var own []load.Operation
	for _, op := range ops {
		if op.Customer == id {
			own = append(own, op)
		}
	}
	slices.SortFunc(own, func(a, b load.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	if skip := len(own) - most; skip > 0 {
		fmt.Fprintf(&b, "  %d earlier operations\n", skip)
		own = own[skip:]
	}
	for _, op := range own {
		fmt.Fprintf(&b, "  %d..%d us, client %d: %s\n", op.Call/1000, op.Return/1000, op.Client, describe(op))
	}
	return b.String()
}
