// Package placement decides which cell owns which partition of the key space. It is pure: values in, values
// out; no I/O, no clock, no goroutines.
//
// Three things live here, in the order in which a request or a change of members meets them:
//
//   - [PartitionOf] turns a key into one of a fixed number of partitions: the first four bytes of sha256(key),
//     big-endian, modulo the partition count. The cells' databases compute the same number in SQL.
//   - [Ring] is the consistent-hash ring (buraksezer/consistent hashed with xxhash64) over the cells. The ring
//     only proposes: it breaks ties where several cells could receive a partition.
//   - [Map] is the stored assignment partition -> cell, with an epoch per partition and one for the whole map.
//     The map decides. [MakePlan] computes the smallest list of moves that turns a map into its target.
//
// A change of members changes what the ring proposes and what MakePlan returns. It never changes the map: only
// a finished move does ([Map.WithOwner]).
package placement
