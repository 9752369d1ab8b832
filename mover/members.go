package mover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cellway/cellway/placement"
	"github.com/cellway/cellway/registry"
)

// presence is since when each cell has had a healthy instance without interruption. It is a value: what was
// observed, no more.
type presence map[string]time.Time

// observe returns the presence after a look at the instances at the given time.
func (p presence) observe(list []registry.Instance, now time.Time) presence {
	next := presence{}
	for _, in := range list {
		if !in.Healthy {
			continue
		}
		next[in.Cell] = now
		if since, ok := p[in.Cell]; ok {
			next[in.Cell] = since
		}
	}
	return next
}

// settled says whether the cell has been there for long enough to count as a member.
func (p presence) settled(cell string, settle time.Duration, now time.Time) bool {
	since, ok := p[cell]
	return ok && now.Sub(since) >= settle
}

// electorate is who takes part in planning, and who soon will.
type electorate struct {
	members  []placement.Member
	settling []string // healthy, but not yet for long enough
}

// assemble decides who is a member. Owners in the map are, always, whatever the registry says of them: a silent
// cell keeps its partitions. Others are once they have settled, unless they were asked to go.
func assemble(m *placement.Map, cells []registry.Cell, seen presence, settle time.Duration, now time.Time) electorate {
	var e electorate
	owners := []string{}
	if m != nil {
		owners = m.Cells()
	}
	known := map[string]bool{}
	for _, c := range cells {
		known[c.Name] = true
		_, present := seen[c.Name]
		leaving := c.Draining || c.Removed
		switch {
		case slices.Contains(owners, c.Name):
			e.members = append(e.members, placement.Member{Name: c.Name, Weight: max(c.Weight, 1), Draining: leaving})
		case leaving || !present:
		case seen.settled(c.Name, settle, now):
			e.members = append(e.members, placement.Member{Name: c.Name, Weight: max(c.Weight, 1)})
		default:
			e.settling = append(e.settling, c.Name)
		}
	}
	for _, owner := range owners {
		if !known[owner] { // the registry has forgotten it; its customers are still there
			e.members = append(e.members, placement.Member{Name: owner, Weight: 1})
		}
	}
	slices.SortFunc(e.members, func(a, b placement.Member) int { return strings.Compare(a.Name, b.Name) })
	return e
}

// admit keeps the instances that belong to this cluster and says why the others do not.
func admit(list []registry.Instance, cluster registry.Cluster, cells []registry.Cell) (admitted []registry.Instance, refused []string) {
	databases := map[string]string{}
	for _, c := range cells {
		databases[c.Name] = c.DatabaseID
	}
	for _, in := range list {
		database, known := databases[in.Cell]
		switch {
		case in.ClusterID != cluster.ID:
			refused = append(refused, fmt.Sprintf("%s belongs to cluster %q, this is %s", in.ID, in.ClusterID, cluster.ID))
		case in.Partitions != cluster.Partitions:
			refused = append(refused, fmt.Sprintf("%s was started with %d partitions, the cluster has %d", in.ID, in.Partitions, cluster.Partitions))
		case known && in.DatabaseID != database:
			refused = append(refused, fmt.Sprintf("%s has database %q, cell %s is known with %s", in.ID, in.DatabaseID, in.Cell, database))
		default:
			admitted = append(admitted, in)
		}
	}
	return admitted, refused
}

// cause names, for people, what made the members differ: the word in the journal's asked_by.
func cause(before, after []placement.Member, m *placement.Map) string {
	was := map[string]placement.Member{}
	for _, b := range before {
		was[b.Name] = b
	}
	counts := m.Counts()
	word := ""
	for _, a := range after {
		b, known := was[a.Name]
		switch {
		case a.Draining && counts[a.Name] > 0 && (!known || !b.Draining):
			return "drain"
		case known && b.Draining && !a.Draining:
			word = "undrain"
		case !a.Draining && counts[a.Name] == 0 && word == "":
			word = "join"
		case known && a.Weight != b.Weight && word == "":
			word = "weight"
		}
	}
	if word == "" {
		return "balance"
	}
	return word
}
