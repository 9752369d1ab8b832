package placement

import (
	"fmt"
	"testing"

	"github.com/buraksezer/consistent"
)

func BenchmarkLookup(b *testing.B) {
	const key = "customer-000000000001234"
	members := equalMembers(50)
	m := mustFirstMap(b, DefaultPartitions, members)
	var ringMembers []consistent.Member
	for i, member := range members {
		ringMembers = append(ringMembers, ringMember{name: member.Name, index: uint16(i)})
	}
	library := consistent.New(ringMembers, consistent.Config{
		Hasher: ringHash{}, PartitionCount: DefaultPartitions, ReplicationFactor: ringReplicas(50), Load: ringLoad,
	})
	b.Run("hash alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			PartitionOf(key, DefaultPartitions)
		}
	})
	b.Run("hash and owner", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Owner(PartitionOf(key, DefaultPartitions))
		}
	})
	b.Run("ring library LocateKey", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			library.LocateKey([]byte(key))
		}
	})
}

// BenchmarkPlan plans the join of one cell to 999, ring and all.
func BenchmarkPlan(b *testing.B) {
	members := equalMembers(1000)
	m := mustFirstMap(b, MaxPartitions, members[:999])
	b.Run("join", func(b *testing.B) {
		for b.Loop() {
			mustPlan(b, m, members)
		}
	})
	b.Run("first map", func(b *testing.B) {
		for b.Loop() {
			mustFirstMap(b, MaxPartitions, members)
		}
	})
	b.Run("ring alone", func(b *testing.B) {
		names := memberNames(members)
		for b.Loop() {
			if _, err := NewRing(names, MaxPartitions); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMapEncoding(b *testing.B) {
	for _, epochs := range []string{"equal", "all different", "32 bits apart"} {
		m := worstMap(b, epochs)
		encoded := mustMarshal(b, m)
		b.Run(fmt.Sprintf("encode/epochs %s", epochs), func(b *testing.B) {
			for b.Loop() {
				mustMarshal(b, m)
			}
			b.ReportMetric(float64(len(encoded)), "map-bytes")
		})
		b.Run(fmt.Sprintf("decode/epochs %s", epochs), func(b *testing.B) {
			for b.Loop() {
				if _, err := UnmarshalMap(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWithOwner(b *testing.B) {
	m := mustFirstMap(b, MaxPartitions, equalMembers(1000))
	for b.Loop() {
		if _, err := m.WithOwner(7, "cell-8", 2); err != nil {
			b.Fatal(err)
		}
	}
}
