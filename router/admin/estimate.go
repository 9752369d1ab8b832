package admin

import (
	"cmp"
	"slices"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

const (
	// enoughMoves: of fewer ended moves nothing is concluded, and the defaults stand.
	enoughMoves = 5
	// The defaults are a careful guess, for as long as nothing is known: a join of 1,024 small partitions took 40 s under
	// load on two processors (docs/decisions/0006), which is quicker.
	defaultMoveSeconds = 0.25
	defaultRowSeconds  = 1.0 / 20_000
	defaultAtOnce      = 4
)

// contents is what one cell's partitions hold, by partition.
type contents struct {
	Rows  []int64 `json:"rows"`
	Bytes []int64 `json:"bytes"`
}

// pair is how much goes from one cell to another.
type pair struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Partitions int    `json:"partitions"`
	Rows       *int64 `json:"rows"`  // null: the source did not say
	Bytes      *int64 `json:"bytes"` // the same
}

// byPair adds the moves up. A source that holds is silent of leaves its pairs without rows and bytes.
func byPair(moves []placement.Move, holds map[string]contents) []pair {
	sums := map[[2]string]*pair{}
	for _, mv := range moves {
		key := [2]string{mv.From, mv.To}
		p := sums[key]
		if p == nil {
			p = &pair{From: mv.From, To: mv.To}
			if _, said := holds[mv.From]; said {
				p.Rows, p.Bytes = new(int64), new(int64)
			}
			sums[key] = p
		}
		p.Partitions++
		if c := holds[mv.From]; p.Rows != nil && int(mv.Partition) < min(len(c.Rows), len(c.Bytes)) {
			*p.Rows += c.Rows[mv.Partition]
			*p.Bytes += c.Bytes[mv.Partition]
		}
	}
	pairs := []pair{}
	for _, p := range sums {
		pairs = append(pairs, *p)
	}
	slices.SortFunc(pairs, func(x, y pair) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
	return pairs
}

// speed is how fast moves go. A move takes so long, and so long for each of its rows, and so many run at once.
type speed struct {
	Moves       int     `json:"measured_moves"` // that it was measured from; 0: the default
	MoveSeconds float64 `json:"seconds_per_move"`
	RowSeconds  float64 `json:"seconds_per_row"`
	AtOnce      float64 `json:"at_once"`
}

// measured is the speed of the moves that were done lately, or the default.
func measured(history []registry.Move) speed {
	var done []registry.Move
	for _, mv := range history {
		if mv.State == registry.MoveDone && !mv.CreatedAt.IsZero() && mv.EndedAt.After(mv.CreatedAt) {
			done = append(done, mv)
		}
	}
	if len(done) < enoughMoves {
		return speed{MoveSeconds: defaultMoveSeconds, RowSeconds: defaultRowSeconds, AtOnce: defaultAtOnce}
	}
	s := speed{Moves: len(done)}
	s.MoveSeconds, s.RowSeconds = fit(done)
	s.AtOnce = atOnce(done)
	return s
}

// fit lays the line of least squares through durations over rows, neither end of which is below zero.
func fit(moves []registry.Move) (perMove, perRow float64) {
	n := float64(len(moves))
	var rows, took, rowsRows, rowsTook float64
	for _, mv := range moves {
		r, d := float64(mv.Rows), mv.EndedAt.Sub(mv.CreatedAt).Seconds()
		rows, took, rowsRows, rowsTook = rows+r, took+d, rowsRows+r*r, rowsTook+r*d
	}
	if spread := n*rowsRows - rows*rows; spread > 0 {
		perRow = (n*rowsTook - rows*took) / spread
	}
	if perRow <= 0 {
		return took / n, 0
	}
	if perMove = (took - perRow*rows) / n; perMove < 0 {
		return 0, rowsTook / rowsRows
	}
	return perMove, perRow
}

// atOnce is how many moves were under way, on average, while any was.
func atOnce(moves []registry.Move) float64 {
	moves = slices.Clone(moves)
	slices.SortFunc(moves, func(x, y registry.Move) int { return x.CreatedAt.Compare(y.CreatedAt) })
	var all, busy time.Duration
	var until time.Time
	for _, mv := range moves {
		all += mv.EndedAt.Sub(mv.CreatedAt)
		from := mv.CreatedAt
		if until.After(from) {
			from = until
		}
		if mv.EndedAt.After(from) {
			busy += mv.EndedAt.Sub(from)
			until = mv.EndedAt
		}
	}
	return all.Seconds() / busy.Seconds()
}

// seconds is how long so much takes.
func (s speed) seconds(moves int, rows int64) float64 {
	if moves == 0 {
		return 0
	}
	total := s.MoveSeconds*float64(moves) + s.RowSeconds*float64(rows)
	return total / max(1, min(s.AtOnce, float64(moves)))
}
