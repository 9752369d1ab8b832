// Package crashtest kills every part of a system at every step of a move, and requires that nothing shows.
//
// The system is real: three cells, a router, a mover, each a process of its own, a Postgres and a Consul. The mover's
// process is the test binary once more, under another name: it runs the shipped mover with [mover.Config].Hook, which
// tells the test over a socket which point it has reached, and waits until it may go on. So the test kills -9 exactly
// there, and the shipped code has no switch for it.
//
// [Cases] is the list: every [mover.Point] of a move, forwards and back, times who is killed (the mover, the move's
// source cell, its target cell, the router), times when the killed one comes back: at once, or only when the mover has
// met its absence. Then the platform's database sessions are ended at every point, Postgres is killed at some, and two
// to five kills hit one after the other. The order, the kills in a row and the load come from a seed; the same seed
// gives the same list.
//
// What holds after each case, within a minute: the move that was hit is in the history, done or undone; no journal key,
// gate marker, tombstone, note of a changed key, import or unswept partition is left; each partition has one owner, the map's; internal/checker finds no row
// lost, doubled or orphaned against what a client (internal/load) knows to be acknowledged, which has written and read
// all the time; the client saw no answer that its request did not deserve but 502 and 503, and reads every customer
// in the end. A case whose point is not reached, or during which the client did nothing, fails: it would prove nothing.
//
// One rebalance is many cases. The mover does one move at a time; at each case's end it stands before the next one,
// so all is at rest and can be compared, and only what was killed has to start again. Between the cases a cell is
// drained, or filled again, whenever there is nothing to move.
//
// What is quicker than in a real system, and only that: leases and pauses are short, Consul's lock delay is 50 ms, and
// the session of a killed mover is ended by the test in place of waiting 10 to 20 s for its TTL. [TestAZombieIsRefused]
// waits for it: there a frozen leader wakes after 40 s and finds that its commands count no more. An undo is brought about by a refusal of
// one pull, made up in the mover's process before it is sent.
//
// A case that fails names its number, how to run it alone, and the directory that keeps the processes' logs and every
// operation of the client as JSON lines. CELLWAY_CRASH_SEED=n is another order; CELLWAY_CRASH_CASE=n one case alone.
package crashtest
