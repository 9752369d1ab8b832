package admin

import (
	"context"
	"encoding/json"

	"golang.org/x/sync/errgroup"
)

const (
	countersAtOnce = 16
	maxCount       = 4096 // bytes of an answer that holds one number
)

// countCustomers asks each cell how many customers it has, all within CustomersPatience. A cell that does not say
// keeps its null.
func (a *api) countCustomers(ctx context.Context, cells []cellInfo) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.CustomersPatience)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(countersAtOnce)
	for i := range cells {
		if len(cells[i].Instances) == 0 {
			continue
		}
		g.Go(func() error {
			cells[i].Customers = a.countAt(ctx, cells[i].Instances[0].Address)
			return nil
		})
	}
	_ = g.Wait() // nobody returns an error
}

func (a *api) countAt(ctx context.Context, address string) *int64 {
	raw, err := a.cfg.Fetch(ctx, address, "/metrics", maxCount)
	if err != nil {
		return nil
	}
	var reply struct {
		Count *int64 `json:"customer_count"`
	}
	if json.Unmarshal(raw, &reply) != nil {
		return nil
	}
	return reply.Count
}
