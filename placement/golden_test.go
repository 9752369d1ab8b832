package placement

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden table; customers of existing clusters would be looked for elsewhere")

const goldenFile = "testdata/golden.txt"

// TestGolden guards against a silent change of hash, ring, planner or encoding. If it fails after an upgrade of
// a library or of Go, the upgrade changes who owns what: see the package documentation before using -update.
func TestGolden(t *testing.T) {
	got := goldenTable(t)
	if *update {
		if err := os.WriteFile(goldenFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	wantLines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(string(got), "\n") {
		if i >= len(wantLines) {
			t.Fatalf("line %d is new: %s", i+1, line)
		}
		if line != wantLines[i] {
			t.Errorf("line %d\n got %s\nwant %s", i+1, line, wantLines[i])
		}
	}
	if !t.Failed() {
		t.Errorf("%s has lines that are no longer made", goldenFile)
	}
}

func goldenTable(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "hash %s\nring %s\n", HashName, RingName)
	for _, key := range []string{"", "1", "abc", "customer-1", "customer-2", "A.B_c~1@d+e-f", "é", strings.Repeat("x", 128)} {
		fmt.Fprintf(&b, "key %q: of 4096 %d, of 65536 %d\n", key, PartitionOf(key, 4096), PartitionOf(key, 65536))
	}
	for _, cells := range []int{1, 3, 4, 50, 200, 1000} {
		members := equalMembers(cells)
		ring := mustRing(t, memberNames(members), DefaultPartitions)
		first := make([]string, 6)
		sum := sha256.New()
		for p := range Partition(DefaultPartitions) {
			if int(p) < len(first) {
				first[p] = ring.Owner(p)
			}
			fmt.Fprintln(sum, ring.Owner(p))
		}
		fmt.Fprintf(&b, "ring of %d: %s ... %x\n", cells, strings.Join(first, " "), sum.Sum(nil)[:12])
		fmt.Fprintf(&b, "first map of %d: %x\n", cells, sumOfMap(t, mustFirstMap(t, DefaultPartitions, members)))
	}
	fmt.Fprintf(&b, "map of 16 partitions and 3 cells: %x\n", mustMarshal(t, mustFirstMap(t, 16, abc())))
	fmt.Fprintf(&b, "map of 65536 partitions and 1000 cells: %x\n", sumOfMap(t, worstMap(t, "32 bits apart")))
	writeGoldenPlan(t, &b)
	return b.Bytes()
}

// writeGoldenPlan writes a plan in which everything happens: join, drain, weight.
func writeGoldenPlan(t *testing.T, b *bytes.Buffer) {
	t.Helper()
	members := equalMembers(5)
	m := mustFirstMap(t, 64, members[:4])
	members[1].Draining = true
	members[2].Weight = 3
	plan := mustPlan(t, m, members)
	fmt.Fprintf(b, "plan: ideal %d, quotas %v\n", plan.Ideal, plan.Quotas)
	for _, mv := range plan.Moves {
		fmt.Fprintf(b, "move %d from %s to %s\n", mv.Partition, mv.From, mv.To)
	}
}

func sumOfMap(t *testing.T, m *Map) []byte {
	t.Helper()
	encoded := mustMarshal(t, m)
	sum := sha256.Sum256(encoded)
	return binary.BigEndian.AppendUint32(sum[:12], uint32(len(encoded)))
}
