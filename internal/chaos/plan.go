package chaos

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is what a fault does.
type Kind string

// The kinds of faults. What is frozen thaws after a while; what is killed is started again.
const (
	KillCell     Kind = "kill cell"
	KillRouter   Kind = "kill router"
	KillMovers   Kind = "kill both movers"
	KillLeader   Kind = "kill leader"
	FreezeCell   Kind = "freeze cell"
	FreezeLeader Kind = "freeze leader"
	FreezeConsul Kind = "freeze Consul"
	KillConsul   Kind = "kill Consul"
	KillPostgres Kind = "kill Postgres" // it replays its log
	KillTwoCells Kind = "kill two cells"
)

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{KillCell, KillRouter, KillMovers, KillLeader, FreezeCell, FreezeLeader, FreezeConsul, KillConsul, KillPostgres, KillTwoCells}
}

// Fault is one blow.
type Fault struct {
	After time.Duration // since the one before was over
	Kind  Kind
	Cell  int           // which of the cells that own something, modulo their number
	Lasts time.Duration // until what was frozen thaws, or what was killed is started again
}

// Round is a faulty phase and the calm one after it.
type Round struct {
	Faults []Fault
	Calm   time.Duration
}

// What a round is made of.
const (
	faultsPerRound = 5
	calmPhase      = 12 * time.Second
	longestGap     = 2 * time.Second
	longestBlow    = 3 * time.Second
)

// Plan draws n rounds. Every kind comes once before any comes again.
func Plan(seed uint64, n int) []Round {
	chance := rand.New(rand.NewPCG(seed, 0x6368616f73)) //nolint:gosec // a repeatable sequence is wanted
	var deck []Kind
	rounds := make([]Round, n)
	for i := range rounds {
		rounds[i].Calm = calmPhase
		for range faultsPerRound {
			if len(deck) == 0 {
				deck = slices.Clone(Kinds())
				chance.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
			}
			rounds[i].Faults = append(rounds[i].Faults, Fault{
				After: time.Duration(chance.Int64N(int64(longestGap))), Kind: deck[0], Cell: chance.IntN(1 << 16),
				Lasts: time.Duration(chance.Int64N(int64(longestBlow))),
			})
			deck = deck[1:]
		}
	}
	return rounds
}
