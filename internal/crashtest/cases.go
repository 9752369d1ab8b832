package crashtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/cellway/cellway/mover"
)

// Victim is what a fault hits.
type Victim string

// The victims. The first four are processes, killed with -9.
const (
	Mover    Victim = "mover"
	Source   Victim = "source"   // the cell that the partition leaves
	Target   Victim = "target"   // the cell that it goes to
	Router   Victim = "router"   //
	Sessions Victim = "sessions" // of the platform's roles in all cells, ended with pg_terminate_backend
	Postgres Victim = "postgres" // killed, and started again: it replays its log
)

// Fault is one thing that goes wrong, at one point of a move.
type Fault struct {
	At     mover.Point
	Victim Victim
	// Away: it stays away until the mover has met its absence, or the move has ended without it. A mover stays away until no
	// fence is left: they open by themselves.
	Away bool
}

func (f Fault) String() string {
	text := fmt.Sprintf("%s at %s", f.Victim, f.At)
	if f.Away {
		text += ", away"
	}
	return text
}

// Case is one or more faults in a row. A later one waits for its point in whatever move gets there.
type Case struct {
	Number int
	Seed   uint64 // of what the case leaves to chance
	Faults []Fault
}

// Name is what `go test -run` knows the case by.
func (c Case) Name() string { return fmt.Sprintf("case-%03d", c.Number) }

func (c Case) String() string {
	var faults []string
	for _, f := range c.Faults {
		faults = append(faults, f.String())
	}
	return strings.Join(faults, "; then ")
}

// How many cases of the kinds that are not one for each point.
const (
	rowsOfKills      = 20
	postgresRestarts = 10
)

// Killed lists those that are killed at every point.
func killed() []Victim { return []Victim{Mover, Source, Target, Router} }

// PointsOfFirstMap are met once in a system's life, before there is a move: see [FirstMapFaults].
func pointsOfFirstMap() []mover.Point {
	return []mover.Point{mover.BeforeCreateMap, mover.AfterCreateMap, mover.AfterAssign}
}

// pointsOfMoves are all others, in the order of a move's story.
func pointsOfMoves() []mover.Point {
	return slices.DeleteFunc(mover.Points(), func(p mover.Point) bool { return slices.Contains(pointsOfFirstMap(), p) })
}

// Cases is the whole list for one seed, in the order in which it is gone through.
func Cases(seed uint64) []Case {
	chance := rand.New(rand.NewPCG(seed, 0x63656c6c776179)) //nolint:gosec // a repeatable sequence is wanted
	var cases []Case
	add := func(faults ...Fault) { cases = append(cases, Case{Seed: chance.Uint64(), Faults: faults}) }
	points := pointsOfMoves()
	for _, at := range points {
		for _, v := range killed() {
			add(Fault{At: at, Victim: v})
			add(Fault{At: at, Victim: v, Away: true})
		}
		add(Fault{At: at, Victim: Sessions})
	}
	for i := range postgresRestarts {
		add(Fault{At: points[(i*len(points)/postgresRestarts+chance.IntN(3))%len(points)], Victim: Postgres, Away: i%2 == 1})
	}
	for i := range rowsOfKills {
		add(rowOfKills(chance, points, 2+i%4)...)
	}
	chance.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	for i := range cases {
		cases[i].Number = i
	}
	return cases
}

// rowOfKills draws n kills, in the order of their points.
func rowOfKills(chance *rand.Rand, points []mover.Point, n int) []Fault {
	at := chance.Perm(len(points))[:n]
	slices.Sort(at)
	var faults []Fault
	for _, i := range at {
		v := killed()[chance.IntN(len(killed()))]
		faults = append(faults, Fault{At: points[i], Victim: v, Away: chance.IntN(2) == 1})
	}
	return faults
}

// FirstMapFaults hit a system that has no map yet. A cell is killed as the source of the moves to come.
func FirstMapFaults() []Fault {
	var faults []Fault
	for _, at := range pointsOfFirstMap() {
		for _, v := range []Victim{Source, Router, Mover} {
			faults = append(faults, Fault{At: at, Victim: v})
		}
	}
	return faults
}
