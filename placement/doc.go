// Package placement decides which cell owns which partition of the key space. It is pure: values in, values
// out; no I/O, no clock, no goroutines. Everything in it is deterministic: same inputs, same bytes.
//
// # Key to cell
//
//		key --sha256--> partition --map--> cell       every request: [PartitionOf], [Map.Owner]
//		                    |
//		                    +------ring--> proposal   only while planning: [Ring], [MakePlan]
//
//	  - [PartitionOf] turns a key into one of a fixed number of partitions: the first four bytes of sha256(key),
//	    big-endian, modulo the partition count. The cells' databases compute the same number in SQL.
//	  - [Ring] is the consistent-hash ring (buraksezer/consistent hashed with xxhash64) over the cells. The ring
//	    only proposes: it breaks ties where several cells could receive a partition.
//	  - [Map] is the stored assignment partition -> cell, with an epoch per partition and one for the whole map.
//	    The map decides. [MakePlan] computes the smallest list of moves that turns a map into its target.
//
// A change of members changes what the ring proposes and what MakePlan returns. It never changes the map: only
// a finished move does ([Map.WithOwner]).
//
// # A partition in the map
//
//	unassigned, epoch 0 --first map, or a plan with From ""--> owned, epoch e --move--> owned, epoch > e
//
// There is no way back to unassigned, and no epoch ever falls: a router that holds two maps, or a map and a
// cell's answer, knows by the epoch alone which is newer.
//
// # The plan
//
// Moving what a ring says would move 1.03 to over 2 times the share of a joining cell, and a new version of its
// library would move most of everything. So the map is sticky, and the plan the exact minimum:
//
//  1. Every cell that does not drain gets a quota: the floor or the ceiling of its share by weight. Ceilings go
//     first to cells that own more than their floor already, then by remainder, then by name.
//  2. A partition keeps its owner unless the owner is over its quota or drains.
//  3. Of the partitions of cells that must give, those that the ring (over the cells that do not drain) proposes
//     to a cell below its quota go there, in ascending order of their numbers.
//  4. What must still leave, leaves by ascending number, to the cells below their quota in turn.
//
// Every cell then owns exactly its quota, and no assignment by floors and ceilings is nearer ([Plan].Ideal).
// A cell either gives or gets, never both; one at its quota does neither.
//
// The ring knows no weights: it needs none for what it does here.
//
// # What must not change
//
// A change of [HashName] would lose every customer. A change of [RingName] moves nothing that has an owner, but
// makes two versions side by side propose different plans. A new version of the map's encoding must be read by
// every process before the first one writes it. testdata/golden.txt holds samples of all three; when
// TestGolden fails, the change needs a new name or version, not a new table.
package placement
