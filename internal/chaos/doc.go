// Package chaos is the soak: a whole system under load, in which cells join and are drained without pause while faults
// fall on it, for as long as one likes. `make chaos MINUTES=5 SEED=1` runs it and ends with a report of one page.
//
// The time is cut into rounds, see [Plan]. Each has a faulty phase (every few seconds a process is killed or frozen:
// cells, router, movers, Consul, Postgres; drawn from the seed) and a calm one, in which moves go on and no client
// may see an error that its request did not deserve. Between them everything is put right again, and at the end of each
// phase the moves come to rest and internal/checker reads all databases against what the client knows to be
// acknowledged (internal/load).
//
// The verdict is GOOD or BAD with its reasons ([Report.Verdict]): an answer that nothing explains (illegal), a write
// of which nobody can say at the end whether it was done (unknown), rows lost, doubled or orphaned, anything else that
// the databases should not hold, an error in a calm phase. A run with too little in it is BAD as well: it proves nothing.
//
// What is drawn is the order of faults and movements; what the machine makes of it differs from run to run. So a BAD run
// keeps its directory: the parts' logs, and every operation since the last clean check as JSON lines.
package chaos
