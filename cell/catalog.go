package cell

import (
	"context"
	"sync"
	"time"

	"github.com/cellway/cellway/cell/ledger"
)

// catalogRemember is how old a catalog may be at step 3, where many moves begin at once. It saves the work of a copy that
// would not fit; the copy itself, and step 7, read the catalogs in their own transactions.
const catalogRemember = time.Second

// catalog is the cell's tracked tables, remembered for a moment.
type catalog struct {
	mu     sync.Mutex
	at     time.Time
	tables []ledger.Table
}

func (c *catalog) ask(ctx context.Context, read func(context.Context) ([]ledger.Table, error)) ([]ledger.Table, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) < catalogRemember {
		return c.tables, nil
	}
	ctx, cancel := context.WithTimeout(ctx, catalogTimeout)
	defer cancel()
	tables, err := read(ctx)
	if err == nil {
		c.tables, c.at = tables, time.Now()
	}
	return tables, err
}
