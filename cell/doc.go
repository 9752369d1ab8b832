// Package cell is what makes an application a cell: an instance with its gate (package gate), its part of the cell's
// database (package ledger), an internal listener for the mover and for other cells, and a registration. It knows
// nothing of customers: the application is an http.Handler on a pool of its own role.
//
// # An instance's life
//
//	opening --database, cluster, migrations--> joining --lease, then states--> serving --ctx ends--> leaving
//
//	opening   the listeners are bound and answer 503. Waits for the database, and, where the schema is fresh, for
//	          the registry, which knows the cluster. Refuses for good what belongs to another cell, cluster, database,
//	          partition count or hash.
//	joining   the internal listener works, then the lease is taken, then every row is read: whoever closes gates
//	          from now on asks this one too.
//	serving   requests pass the gate; the instance is announced and registered.
//	leaving   not ready, deregistered, a short grace, requests in flight end, the lease is given back, the pools close.
//
// The registry is needed only to create or join a cluster. Everything else goes on without it.
//
// # What runs
//
//	lease     renews each second by a pool that moves cannot fill, and looks whether the server is still the one that
//	          wrote the schema (so does each new connection, see pools). A lapsed lease is taken anew, with all states
//	          (gate.Acquire).
//	fences    ends fences whose deadline has passed, by an UPDATE, and tells all gates.
//	states    reads every row every few seconds: the safety net under what follows.
//	refusals  a request that was refused for a partition's state has that row read again, so a gate that missed a
//	          change mends itself. Where the row is ready, the source is asked, and on its word the partition is
//	          owned: clients do not wait for a new leader.
//	registry  announces the cell until it is known, then keeps the instance registered.
//
// # Commands
//
// Any instance carries out any command, because the truth is in the database. Where gates matter it asks the gate of
// every instance with an unexpired lease, its own directly, the others over their internal listeners:
//
//	close      all close for writes, and all are empty within the drain time; else all open again (busy, silent)
//	fence      marker, fence, marker away; gates read the row
//	           before the first gate closes, a write transaction that the fence could not outwait refuses the command
//	handover   read marker, all close for reads, row moved; gates read the row. One gate is silent: not done, the
//	           marker stays, and the fence's deadline opens everything
//	sweep      reads from before the hand-over have ended at all gates; then the rows go
//	import     the catalogs of both cells are compared; then the row, then gates read it
//	own, release, clear: the row, then gates read it
//
// As a target the cell pulls from the source's internal listener (rows.go): copy takes all rows while the source works,
// and what has changed; pull takes what changed last, under the fence, and seals it. What was sealed is kept to be
// looked at, as an open snapshot (looks.go), so that check can count it while customers write again.
//
// A gate that could not be told of a change is not waited for where it does no harm: it refuses with 503, and the
// refusal has the row read again.
package cell
