package placement

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestValidateCellName_agrees_with_its_pattern(t *testing.T) {
	pattern := regexp.MustCompile(`\A[a-z][a-z0-9-]{0,30}\z`)
	check := func(t failer, name string) {
		if err := ValidateCellName(name); (err == nil) != pattern.MatchString(name) {
			t.Fatalf("%q: got %v, the pattern says %v", name, err, pattern.MatchString(name))
		} else if err != nil && !errors.Is(err, ErrCellName) {
			t.Fatalf("%q: %v is not ErrCellName", name, err)
		}
	}
	for _, name := range []string{
		"", "a", "cell-a", "cell-a\n", "Cell-a", "1cell", "-cell", "cell-", "cell_a", "zélle", "a b", "a\x00",
		strings.Repeat("a", 31), strings.Repeat("a", 32), "{", "`",
	} {
		check(t, name)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.StringMatching(`[a-z0-9-]{0,33}.?`).Draw(t, "name")) })
}

func TestSchemaName(t *testing.T) {
	for cell, want := range map[string]string{"cell-a": "cell_a", "a": "a", "eu-west-1": "eu_west_1"} {
		if got := SchemaName(cell); got != want {
			t.Errorf("%s: got %s, want %s", cell, got, want)
		}
	}
}

func TestSortedMembers_refuses_what_contradicts_itself(t *testing.T) {
	for _, c := range []struct {
		name    string
		members []Member
		want    error
	}{
		{"duplicate", []Member{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}, {Name: "a", Weight: 2}}, ErrMembers},
		{"weight 0", []Member{{Name: "a"}}, ErrMembers},
		{"weight below 0", []Member{{Name: "a", Weight: -1}}, ErrMembers},
		{"huge weight", []Member{{Name: "a", Weight: MaxWeight + 1}}, ErrMembers},
		{"weight 0 of a draining cell", []Member{{Name: "a", Draining: true}}, ErrMembers},
		{"bad name", []Member{{Name: "A", Weight: 1}}, ErrCellName},
		{"too many", equalMembers(MaxCells + 1), ErrMembers},
	} {
		if _, err := sortedMembers(c.members); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestSortedMembers_leaves_the_callers_slice_alone(t *testing.T) {
	members := []Member{{Name: "b", Weight: 1}, {Name: "a", Weight: 1}}
	before := slices.Clone(members)
	if _, err := sortedMembers(members); err != nil || !slices.Equal(members, before) {
		t.Fatalf("members are now %v, error %v", members, err)
	}
}
