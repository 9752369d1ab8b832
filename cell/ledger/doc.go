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
//	target:  absent | moved (swept) --Import--> importing --Pull--> ready --Own--> owned
//	           ^                                    |                |
//	           +-------------Clear------------------+----------------+
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
//   - Attempt: each Import draws a new one; Pull and Clear name it.
//
// # Deadlines
//
// A fenced row carries a deadline by the database's clock. Passing it changes nothing by itself: SelfRelease is an
// UPDATE, and so is Handover; whichever gets the row first decides.
//
// # Moving rows
//
// Export writes the rows of a fenced partition as a stream of frames (frames.go), from one snapshot; Pull reads
// such a stream in one transaction, digests what arrived, compares, and only then calls the partition ready. A
// stream that breaks off, differs or does not fit leaves nothing behind. What travels is read from the database's
// catalog (catalog.go), whatever the tables and types; whether two cells' tables fit is a function of both (fits.go).
//
// # Roles
//
// The platform's role owns the schema and everything in it; its imports and sweeps pass the fence. The
// application's role has the DML of tracked tables and nothing else ([Provision], cellway_track).
package ledger
