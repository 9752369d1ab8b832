// Package ledger is a cell's own database as the platform sees it: who the cell is, the state of every
// partition, and each step of a move as a compare-and-set on a partition's row. It decides who may write; it
// knows nothing of listeners, of gates in memory, or of customers.
//
// # The row
//
// One row per partition holds everything that decides ownership. Whoever writes to a tracked table takes that row
// FOR SHARE (the fence, a trigger that cellway_track puts there) and is refused unless it is owned:
//
//	source:  owned --Fence--> fenced --Handover--> moved --Sweep--> moved (swept)
//	           ^                |
//	           +--Release, SelfRelease
//
//	target:  absent | moved (swept) --Import--> importing --Copy--> importing (copied) --Pull--> ready --Own--> owned
//	           ^                                    |                   |                          |
//	           +-------------Clear------------------+-------------------+--------------------------+
//
// A step locks the row FOR UPDATE, so it waits for the writers that hold it and keeps out those that come; it
// decides by a pure function of row and command (source.go, target.go, undo.go); and it writes the row and what
// belongs to it (rows imported, cleared or swept) in the same transaction. Refusals are [*protocol.Problem] with
// the row as it is. A step that was done already by the same tokens is success.
//
// # Tokens
//
//   - Token, the leader's: the row keeps the highest and refuses lower ones. Adopt only raises it.
//   - Epoch: HighEpoch never falls, undone moves included; Record and Import refuse an epoch not above it.
//     MoveEpoch is that of the move which the row names; Handover and Own accept no other.
//   - FenceNo: no two fencings of a partition have the same number; verification, the closing of reads and Handover
//     name it.
//   - Attempt: each Import draws a new one; Copy, Pull and Clear name it.
//   - Batch: every transaction that takes rows in names how many the attempt had before it, and adds one. A copy that
//     broke off cannot be gone on with, and two at once do not mix.
//
// # Deadlines
//
// A fenced row carries a deadline by the database's clock. Passing it changes nothing by itself: SelfRelease is an
// UPDATE, and so is Handover; whichever gets the row first decides.
//
// # Moving rows
//
// Export writes rows of one snapshot of the source as a stream of frames (frames.go). Copy, while the source works:
//
//	base     all rows, in batches of a megabyte, each a transaction of the target. The snapshot is written into the
//	         target's row with the first batch, once per attempt.
//	rounds   what a later snapshot shows and the mark did not, in one transaction, with the new mark. The mark is
//	         the snapshot that the target's rows are at. Rounds end when no more than 200 rows came, or after eight.
//	whole    in the first round: the source counts in the snapshot that it sends, the target at that mark.
//
// What the mark did not show are the rows whose cellway_xid is not visible in it. That holds for a transaction that was
// open when the copy began and commits long after, where the highest number seen would pass it over. To find them
// without an index that every update would pay for, the trigger notes the keys that are written while the row names a
// move (cellway_touched), and the keys that go (cellway_tombstones). Deletes come first, from the last child to the
// first parent, then rows, from the first parent on. Where nobody refers to a table, its changed rows are deleted
// before they come again: a reference or a unique value that one row gave up is then free for another. What was noted
// goes with the row's move: at Release, at Receipt, at Sweep; and Record and Import begin with nothing.
//
// Pull is the last round: under the fence the snapshot sees every write that got in. What came is compared key by key;
// its cost is that of the changes. Look and Compare count once more after the hand-over: the target's side in a
// snapshot from between ready and owned or, where that is lost, without the rows that were written since.
//
// A stream that breaks off, differs or does not fit leaves nothing behind of its batch or round. What travels is read
// from the database's catalog (catalog.go), whatever the tables and types; whether two cells' tables fit is a function
// of both (fits.go).
//
// # Long transactions
//
// A transaction that has written holds the partition's row. Steps wait for it, for a bounded time, and then name it
// (holders.go); Quiet does so before a gate is closed. Writers share the row, and overtake a step that waits.
//
// # Roles
//
// The platform's role owns the schema and everything in it; its imports and sweeps pass the fence. The
// application's role has the DML of tracked tables and nothing else ([Provision], cellway_track).
package ledger
