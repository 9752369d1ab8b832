// Package nettest puts faults on the network links of a small real system, in the middle of moves and under load, and
// takes them off again: nothing may be lost, no answer may be unexplainable, and who has nothing to do with the link
// may see no error.
//
// A system is four cells, a mover and a router in this process, with a real Postgres and a real Consul; between any
// two of them stands a proxy (toxiproxy). Three cells begin. cell-d joins and is drained in turn, so every move has it
// on one side, and the faulty links are its own:
//
//	link            what the fault is on                                   who may see errors
//	router-Consul   the router's connections to Consul                     customers that move
//	router-cell     the router's connections to cell-d                     customers of cell-d
//	mover-cell      the mover's connections to cell-d                      customers of cell-d
//	cell-cell       the connections of all cells to each other's listener  customers that move
//	cell-Postgres   cell-d's connections to its database                   customers of cell-d
//
// Each link's system lives through five scenes, one for each fault: a black hole, connections that are reset, 500 ms of
// latency, packets cut small, and 4 KB/s. The fault begins at a step of a move, which the seed chooses, while
// the mover stands there; lasts for 2 to 4 s; and goes. Then the rebalance has to end, the clients' history has to be
// linearizable (internal/history), the databases sound (internal/checker) and every partition owned by the cell that the plan
// says. A scene in which no step of a move came, or nothing was in flight during the fault, or nothing
// was sent on the faulty link, fails as too weak.
//
// CELLWAY_NET_SEED repeats a run; the failing scene says how it is run alone.
package nettest
