// Package verify puts together what all cells say that they hold, and judges it: every partition has one owner, which
// is the map's, and every row is where its partition is. It is pure: whoever uses it does the asking.
//
// Cells are asked one after the other while partitions move, so two answers may not fit together although all is well.
// Each partition is therefore judged for itself, and settled by the first round in which all fits (protocol, rule 15: a
// report over all cells covers every partition once). The cells of the others are asked again:
//
//	round: map and journal, then the cells --> Take --> settled: counted once
//	         ^                                  |
//	         +------------- Ask <---------------+   not settled
//
// What was settled is looked at again only when a cell that had been silent speaks of it for the first time.
//
// What is found of a partition is wrong if
//
//   - one cell's answer, which is one snapshot, proves it: rows where the cell's own row says that there are none
//   - it is the same, epochs included, in two rounds that followed each other, each of which read everything anew. A
//     cell that answers "owned" at an epoch after another has answered "owned" at a higher one cannot be early
//
// What a move accounts for (nobody owns between the protocol's steps 8 and 9; the map follows at step 10) is never wrong,
// however long it lasts: then nothing can be said of the partition, and so nothing of the whole.
package verify
