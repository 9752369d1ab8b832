package placement_test

import (
	"errors"
	"fmt"

	"github.com/cellway/cellway/placement"
)

func three() []placement.Member {
	return []placement.Member{{Name: "cell-a", Weight: 1}, {Name: "cell-b", Weight: 1}, {Name: "cell-c", Weight: 1}}
}

// A request is routed by two steps that allocate nothing and take no lock.
func Example() {
	m, err := placement.FirstMap(placement.DefaultPartitions, three())
	if err != nil {
		fmt.Println(err)
		return
	}
	p := placement.PartitionOf("customer-1", m.Partitions())
	cell, epoch := m.Owner(p)
	fmt.Printf("partition %d belongs to %s since epoch %d\n", p, cell, epoch)
	// Output: partition 220 belongs to cell-a since epoch 1
}

// A fourth cell takes exactly a quarter, and nothing moves between the others.
func ExampleMakePlan() {
	m, err := placement.FirstMap(placement.DefaultPartitions, three())
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := placement.MakePlan(m, append(three(), placement.Member{Name: "cell-d", Weight: 1}))
	if err != nil {
		fmt.Println(err)
		return
	}
	to := map[string]int{}
	for _, mv := range plan.Moves {
		to[mv.To]++
	}
	fmt.Println("ideal", plan.Ideal, "moves", to)
	// Output: ideal 1024 moves map[cell-d:1024]
}

// A cell that owns partitions must be listed, however silent it is.
func ExampleMakePlan_unknownOwner() {
	m, err := placement.FirstMap(placement.DefaultPartitions, three())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = placement.MakePlan(m, three()[1:])
	fmt.Println(errors.Is(err, placement.ErrUnknownOwner), err)
	// Output: true plan: owner is not a known cell: cell-a owns 1366 partitions
}

// A finished move makes a new map; epochs only rise.
func ExampleMap_WithOwner() {
	m, err := placement.FirstMap(8, three())
	if err != nil {
		fmt.Println(err)
		return
	}
	next, err := m.WithOwner(5, "cell-d", 7)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(next.Owner(5))
	fmt.Println("map epochs", m.Epoch(), next.Epoch())
	_, err = next.WithOwner(5, "cell-a", 7)
	fmt.Println(err)
	// Output:
	// cell-d 7
	// map epochs 1 7
	// set owner of partition 5 to cell-a: epoch does not rise: 7, the map has 7
}

// Equal maps have equal bytes.
func ExampleUnmarshalMap() {
	m, err := placement.FirstMap(placement.DefaultPartitions, three())
	if err != nil {
		fmt.Println(err)
		return
	}
	encoded, err := m.MarshalBinary()
	if err != nil {
		fmt.Println(err)
		return
	}
	decoded, err := placement.UnmarshalMap(encoded)
	fmt.Println(decoded.Counts(), err)
	_, err = placement.UnmarshalMap(encoded[:100])
	fmt.Println(errors.Is(err, placement.ErrEncoding))
	// Output:
	// map[cell-a:1366 cell-b:1365 cell-c:1365] <nil>
	// true
}
