package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cellway/cellway/internal/protocol"
	"github.com/cellway/cellway/placement"
)

// Look is what was read in one round: map and journal first, then the cells.
type Look struct {
	Map     *placement.Map
	Open    map[string]bool              // IDs of the journal's moves that have not ended
	Answers map[string]protocol.Holdings // by cell; of those that were not asked in this round, the last one
	Silent  map[string]string            // cells that were asked and did not answer, and why
}

// Finding is something that does not fit.
type Finding struct {
	Partition placement.Partition `json:"partition"`
	Cells     []string            `json:"cells"` // whose answers it is made from
	Text      string              `json:"text"`  // names states and epochs: the same text is the same finding

	proven  bool // by one snapshot
	excused bool // a move accounts for it
}

// seat is what one cell says of a partition.
type seat struct {
	cell string
	protocol.Holding
	rows int64
}

func (s seat) String() string {
	if s.State == "" {
		return s.cell + " knows nothing of it"
	}
	return fmt.Sprintf("%s is %s at epoch %d", s.cell, s.State, s.Epoch)
}

func (s seat) owns() bool { return s.State == protocol.StateOwned || s.State == protocol.StateFenced }

// mayHold: rows of the partition may be here.
func (s seat) mayHold() bool {
	switch s.State {
	case protocol.StateOwned, protocol.StateFenced, protocol.StateImporting, protocol.StateReady:
		return true
	case protocol.StateMoved:
		return !s.Swept
	case protocol.StateAbsent:
	}
	return false
}

// judge says what does not fit about one partition, and which cell owns it, "" if that is not sure.
func judge(p placement.Partition, look Look, seats []seat) (owner string, found *Finding) {
	mapped, epoch := look.Map.Owner(p)
	find := func(proven, excused bool, cells []string, format string, args ...any) (string, *Finding) {
		if mapped != "" && !slices.Contains(cells, mapped) {
			cells = append(cells, mapped)
		}
		slices.Sort(cells)
		return "", &Finding{Partition: p, Cells: cells, Text: fmt.Sprintf(format, args...), proven: proven, excused: excused}
	}
	var owners []seat
	moving := false
	for _, s := range seats {
		if s.rows > 0 && !s.mayHold() {
			return find(true, false, []string{s.cell}, "%d rows are left where %s", s.rows, s)
		}
		if s.owns() {
			owners = append(owners, s)
		}
		moving = moving || look.Open[s.Move]
		if s.Move != "" && !look.Open[s.Move] {
			return find(false, false, []string{s.cell}, "%s, and names move %s, which the journal does not have open", s, s.Move)
		}
	}
	switch {
	case len(owners) > 1:
		return find(false, false, cellsOf(owners), "it has %d owners: %s", len(owners), describe(owners))
	case len(owners) == 0:
		return find(false, moving, cellsOf(seats), "nobody owns it, and the map says %q: %s", mapped, describe(seats))
	}
	o := owners[0]
	if o.cell != mapped || o.Epoch != epoch {
		return find(false, moving, []string{o.cell}, "%s, and the map says %q at epoch %d", o, mapped, epoch)
	}
	return o.cell, nil
}

// table arranges the answers by partition.
func table(answers map[string]protocol.Holdings) map[placement.Partition][]seat {
	seats := map[placement.Partition][]seat{}
	for _, cell := range slices.Sorted(maps.Keys(answers)) {
		of := map[placement.Partition]seat{}
		for _, h := range answers[cell].Partitions {
			of[h.Partition] = seat{cell: cell, Holding: h}
		}
		for _, counts := range answers[cell].Tables {
			for p, n := range counts {
				s := of[p]
				s.cell, s.rows = cell, s.rows+n
				of[p] = s
			}
		}
		for p, s := range of {
			seats[p] = append(seats[p], s)
		}
	}
	return seats
}

func cellsOf(seats []seat) []string {
	var cells []string
	for _, s := range seats {
		cells = append(cells, s.cell)
	}
	return cells
}

func describe(seats []seat) string {
	if len(seats) == 0 {
		return "no cell knows of it"
	}
	var texts []string
	for _, s := range seats {
		texts = append(texts, s.String())
	}
	return strings.Join(texts, ", ")
}
