// Package explore walks through every state that a partition's move can come to. It drives what ships, not a copy of
// it: [mover.Next] says what a leader does, [ledger.Decide] is the judgement of the cells' rows, [ledger.Gives] that of
// a source that is asked for rows. Around them, it has a registry, leaders, orders on their way, copies, and the
// contents of two tables, each as small as it can be and still go wrong.
//
// # What happens
//
// In every state, everything that can happen next does, in every order:
//
//   - a leader reads, asks Next, and sends an order or writes the journal; its answer may be lost; it may lose all that
//     it knows, at any point; the next leader begins, and where Zombies is set, the former one goes on with what it knows
//   - an order may stay on its way, and arrives at any later time, any number of times, or never
//   - a target copies, in the transactions that it really does: all rows of a snapshot in two batches, what changed, the
//     count of both sides, what changed last. It may die between any two, and two copies may run at once
//   - customers insert, update and delete in both tables, at any cell: nothing stops them but the row (so no router,
//     however old its map, can do more). A transaction may stay open, and be taken back; meanwhile it holds the row
//   - a fence opens by itself; a target owns on the source's word; an operator, or a limit, has the move undone
//
// # What must be true
//
// In every state: at most one row is owned or fenced. What customers were told is in that row's cell, or, between steps
// 8 and 9, in the source's frozen rows and at a ready target alike. No cell has rows that it should not. The map was
// flipped only to a target that has owned. A move that is done, or undone, has left nothing. At every step: epochs,
// tokens and attempts never fall; no rows are wiped where they are owned, nor swept before somebody has owned them
// since; source and target never count differently. [mover.Next] never halts. And from every state a way leads to the
// move's end on which nothing more goes wrong.
//
// # Bounds
//
// The configurations are in the test; each is exhausted, or fails.
//
// What is not in it: the gates and leases (their packages' tests), reads, the closing marker (liveness only), the
// receipts' texts, registries that went back in time, failover. Four things are restated beside the rules, because they
// are statements of SQL or conditions of another package: the fence's trigger, the UPDATE of a fence that opens, what a
// snapshot shows that another did not, and the word on which a target owns.
package explore
