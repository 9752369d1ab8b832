package crashtest

import (
	"reflect"
	"slices"
	"testing"

	"github.com/cellway/cellway/mover"
)

func TestCasesAreThreeHundredAndMoreAndTheSameForASeed(t *testing.T) {
	cases := Cases(1)
	if len(cases)+len(FirstMapFaults()) < 300 {
		t.Errorf("%d cases, and %d before the first map", len(cases), len(FirstMapFaults()))
	}
	if !reflect.DeepEqual(cases, Cases(1)) {
		t.Error("one seed gives two lists")
	}
	if reflect.DeepEqual(cases, Cases(2)) {
		t.Error("two seeds give one list")
	}
	for i, c := range cases {
		if c.Number != i || c.Seed == 0 || c.String() == "" {
			t.Errorf("case %d: %+v", i, c)
		}
	}
}

func TestEveryPointMeetsEveryVictim(t *testing.T) {
	met := map[Fault]int{}
	for _, c := range Cases(7) {
		if len(c.Faults) == 1 {
			met[c.Faults[0]]++
		}
	}
	for _, f := range FirstMapFaults() {
		met[f]++
	}
	for _, at := range mover.Points() {
		for _, v := range []Victim{Mover, Source, Target, Router, Sessions} {
			for _, away := range []bool{false, true} {
				if slices.Contains(pointsOfFirstMap(), at) && (away || v == Target || v == Sessions) || v == Sessions && away {
					continue
				}
				if f := (Fault{At: at, Victim: v, Away: away}); met[f] != 1 {
					t.Errorf("%s: %d cases", f, met[f])
				}
			}
		}
	}
}

func TestKillsInARowAreTwoToFive(t *testing.T) {
	rows := map[int]int{}
	for _, c := range Cases(1) {
		rows[len(c.Faults)]++
	}
	for n := 2; n <= 5; n++ {
		if rows[n] != rowsOfKills/4 {
			t.Errorf("%d cases of %d kills", rows[n], n)
		}
	}
}
