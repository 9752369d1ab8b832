// Package checker reads the databases of all cells and says what is lost, doubled, orphaned, or owned twice or by
// nobody. It is what a test of the whole system believes, so it shares no code with what it checks: no package of
// router, cell, mover, customers or placement is imported, and a customer's partition is computed here once more,
// from the definition.
//
// [Check] reads; what is wrong is then a matter of values alone: every cell's states and rows are held against each
// other, against the map and against what a client knows to be acknowledged. Cells may lie on one Postgres server or
// on several: all that is required holds over all of them together.
package checker
