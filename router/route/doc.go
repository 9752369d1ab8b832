// Package route decides what to do with a request: which partition, cell and instance, whether to hold, repeat,
// refuse or pass on. It is all in plain values, in this one place: no I/O, no clock, no goroutines, no types of
// net/http or of Gin. Whoever moves the bytes asks [Request.Next] what to do, does it, and tells [Request.After]
// what came of it:
//
//	                  +---------------------------- Follow: remember the owner ----+
//	                  |  +------------------------- Hold: wait a little -----------+
//	                  v  v                                                         |
//	New --Next--> Send --attempt--> After --Next--+-- Pass: the client gets the cell's answer
//	                ^                             +-- Refuse: the client gets the router's own
//	                +-----------------------------+-- Send: another instance, or a read again
//
// # What an attempt gave, and what follows
//
//	answered                  pass it on; a cell's own 503 too
//	refused (421)             an owner at a higher epoch than known: follow; else read the map again, and hold
//	fenced (503 of a move)    hold, then again
//	unsent                    nothing was written to the connection: again, some times, then as a failed dial
//	dial failed, breaker open the next instance of the same cell; none left: 503 at once
//	busy                      503: the cell has as many requests in flight as this router allows it
//	lost after sending        a write: 502 outcome_unknown, never repeated; a read: another instance, or once the same
//	timed out                 a write: 502 outcome_unknown; a read: 503
//
// A cell refuses before its application runs, so repeating what was refused is always safe. Everything else that
// was sent and is a write is sent once. Holding ends with the budget that the caller counts: then 503
// held_too_long. No rule here ever sends a request to a cell that does not own its partition.
//
// # What is known
//
// [Table] is the immutable view: map, instances, and the owners learned from refusals. A request looks at the
// newest table at every step; tables are swapped behind it.
package route
