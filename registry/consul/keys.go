package consul

import (
	"fmt"
	"strings"

	"github.com/cellway/cellway/placement"
)

// keys names every key of the KV store; see the package documentation.
type keys struct{ prefix string }

func (k keys) cluster() string    { return k.prefix + "/cluster" }
func (k keys) worldMap() string   { return k.prefix + "/map" }
func (k keys) epoch() string      { return k.prefix + "/epoch" }
func (k keys) leader() string     { return k.prefix + "/leader" }
func (k keys) token() string      { return k.prefix + "/token" }
func (k keys) rebalance() string  { return k.prefix + "/rebalance" }
func (k keys) requests() string   { return k.prefix + "/requests/rebalance" }
func (k keys) pace() string       { return k.prefix + "/pace" }
func (k keys) orders() string     { return k.prefix + "/orders" }
func (k keys) cells() string      { return k.prefix + "/cells/" }
func (k keys) openMoves() string  { return k.prefix + "/moves/open/" }
func (k keys) endedMoves() string { return k.prefix + "/moves/ended/" }

func (k keys) cell(name string) string { return k.cells() + name }

func (k keys) openMove(p placement.Partition) string { return fmt.Sprintf("%s%d", k.openMoves(), p) }

// endedMove is padded so that the order of keys is the order of epochs.
func (k keys) endedMove(e placement.Epoch, p placement.Partition) string {
	return fmt.Sprintf("%s%020d-%d", k.endedMoves(), e, p)
}

// nameUnder returns the rest of a key under a folder, for messages.
func nameUnder(folder, key string) string { return strings.TrimPrefix(key, folder) }
