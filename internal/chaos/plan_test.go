package chaos

import (
	"reflect"
	"testing"
)

func TestPlanIsTheSameForASeedAndLeavesNoKindOut(t *testing.T) {
	const rounds = 4
	plan := Plan(1, rounds)
	if !reflect.DeepEqual(plan, Plan(1, rounds)) {
		t.Error("one seed gives two plans")
	}
	if !reflect.DeepEqual(plan[:2], Plan(1, 2)) {
		t.Error("a longer run does not begin as a shorter one")
	}
	if reflect.DeepEqual(plan, Plan(2, rounds)) {
		t.Error("two seeds give one plan")
	}
	met := map[Kind]int{}
	for _, r := range plan {
		if r.Calm == 0 || len(r.Faults) != faultsPerRound {
			t.Errorf("round: %+v", r)
		}
		for _, f := range r.Faults {
			met[f.Kind]++
			if f.After >= longestGap || f.Lasts >= longestBlow {
				t.Errorf("fault: %+v", f)
			}
		}
	}
	for _, k := range Kinds() {
		if met[k] != rounds*faultsPerRound/len(Kinds()) {
			t.Errorf("%s: %d times", k, met[k])
		}
	}
}
