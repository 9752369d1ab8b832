package protocol

import "github.com/cellway/cellway/placement"

// PathHoldings is on a cell's public listener, beside its metrics: what its database holds, in one snapshot.
const PathHoldings = "/metrics/holdings"

// Holdings is everything that a cell's database says about who owns what, and what rows it has, as of one moment.
type Holdings struct {
	Cell       string    `json:"cell_id"`
	Partitions []Holding `json:"partitions"` // of partitions that the cell has had to do with, by number
	// Tables counts the rows of each tracked table, by partition; partitions without rows are left out.
	Tables map[string]map[placement.Partition]int64 `json:"tables"`
	// Misfiled counts the rows whose partition is not that of their key; tables without any are left out.
	Misfiled map[string]int64 `json:"misfiled,omitempty"`
}

// Holding is what one partition's row says, as far as ownership goes. See [Row].
type Holding struct {
	Partition placement.Partition `json:"partition"`
	State     State               `json:"state"`
	Epoch     placement.Epoch     `json:"epoch"`
	Move      string              `json:"move,omitempty"`
	Peer      string              `json:"peer,omitempty"`
	Swept     bool                `json:"swept,omitempty"`
}
