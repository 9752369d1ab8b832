package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	systems    = 2
	leadership = 10 * time.Second // a mover's session outlives it by that, unless the test ends it
)

// TestCrashes goes through the list.
func TestCrashes(t *testing.T) {
	t.Parallel() // with the zombie
	seed := number(t, "CELLWAY_CRASH_SEED", 1)
	only := number(t, "CELLWAY_CRASH_CASE", -1)
	cases := Cases(uint64(seed))
	if len(cases) < 300 {
		t.Fatalf("only %d cases", len(cases))
	}
	t.Logf("seed %d: %d cases, and %d before the first map in each of %d systems", seed, len(cases), len(FirstMapFaults()), systems)
	for i := range systems {
		if only >= 0 && only%systems != i {
			continue
		}
		t.Run(fmt.Sprintf("system-%d", i), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, leadership)
			s.boot(t, FirstMapFaults())
			for _, c := range cases {
				if c.Number%systems != i || only >= 0 && c.Number != only {
					continue
				}
				if !t.Run(c.Name(), func(t *testing.T) { s.run(t, c, seed) }) {
					t.Fatalf("the cases after %s were not run: nobody knows what it left", c.Name())
				}
			}
		})
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text, ok := os.LookupEnv(variable)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// boot starts everything, through the faults before the first map, and creates the customers.
func (s *system) boot(t *testing.T, faults []Fault) {
	t.Helper()
	for _, name := range cellNames() {
		s.start(t, name)
	}
	s.start(t, "router")
	s.start(t, "mover")
	for _, name := range cellNames() {
		s.awaitHealth(t, name)
	}
	for _, f := range faults {
		s.strike(t, f, s.reach(t, f), nil)
	}
	s.settle(t)
	s.awaitHealth(t, "router")
	for _, name := range cellNames() {
		s.awaitHealth(t, name)
	}
	s.fill(t)
	s.judge(t)
	s.record.Take()
}

// fill creates the customers. A refusal is no failure: the machine may be so busy that a lease lapses.
func (s *system) fill(t *testing.T) {
	t.Helper()
	stop := s.work(t)
	s.until(t, "customers to be created", func(context.Context) error {
		there := 0
		for _, states := range s.model.States() {
			if states[0].Exists {
				there++
			}
		}
		if there < people*3/4 { // some are deleted all the time
			return fmt.Errorf("%d are there", there)
		}
		return nil
	})
	mustBeDeserved(t, stop())
}

// run is one case.
func (s *system) run(t *testing.T, c Case, seed int) {
	t.Cleanup(func() { s.keep(t, c, seed) })
	began := time.Now()
	chance := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // a repeatable sequence is wanted
	stop := s.work(t)
	s.awaitOperations(t, 5+chance.IntN(8))
	hit := map[string]bool{}
	for _, f := range c.Faults {
		x := s.reach(t, f)
		s.openNow(t, hit)
		s.strike(t, f, x, chance)
	}
	s.settle(t)
	s.awaitOperations(t, 5)
	seen := stop()
	mustBeDeserved(t, seen)
	if seen.Operations < 10 || seen.ByStatus[http.StatusOK] == 0 {
		t.Errorf("the client did next to nothing: %s: the case proves nothing", seen)
	}
	s.mustHaveEnded(t, hit)
	s.judge(t)
	t.Logf("%s: %v; %s", c, time.Since(began).Round(time.Millisecond), seen)
}

// keep saves what is needed to understand a case that failed.
func (s *system) keep(t *testing.T, c Case, seed int) {
	t.Helper()
	lines := s.record.Take()
	if !t.Failed() {
		return
	}
	path := filepath.Join(s.dir, c.Name()+".jsonl")
	if err := os.WriteFile(path, lines, 0o600); err != nil {
		t.Error(err)
	}
	t.Logf("%s failed: %s\nalone:   CELLWAY_CRASH_SEED=%d CELLWAY_CRASH_CASE=%d go test -count=1 -v -run 'TestCrashes' ./internal/crashtest\nhistory: %s, logs beside it",
		c.Name(), c, seed, c.Number, path)
}
