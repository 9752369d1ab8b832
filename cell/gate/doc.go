// Package gate is the door of a cell instance: it stands in front of the application, admits requests for
// partitions that the cell owns, counts them while they are inside, and closes for a move. It is memory only; what
// it knows of the partitions' rows it is told ([Gate.Apply]). It serves liveness and the safety of reads; the
// safety of writes is the fence's, in the database.
//
// # One partition's door
//
//	row         reads                          writes
//	owned       admitted                       admitted, unless closed for writes (503 fenced)
//	fenced      admitted until reads close     503 fenced
//	ready       503 fenced                     503 fenced
//	importing   503 fenced                     503 fenced
//	moved       421, naming the new owner      421, naming the new owner
//	absent      421                            421
//	not known   503 unavailable                503 unavailable
//
// A refusal comes before the application runs, so repeating the request is always safe. Before a 503 fenced the request
// lingers at the door for a little (Config.Linger): most doors open again, or turn to 421, within milliseconds.
//
//	       CloseWrites                             CloseReads(f)
//	open ---------------> closed for writes     open ----------> closed for reads
//	 ^                       |                   ^                  |
//	 +--- the deadline, -----+                   +-- a row, read ---+
//	      Open, or the end                           after the close, that
//	      of the fence it was for                    is not fenced under f
//	                                                 with its reads closed
//
// A door that is closed for writes opens by itself: nobody has to come back for it. One that is closed for reads
// does not, because a hand-over may have come after: only the row can tell.
//
// # States that are read while doors close
//
// Reading a row takes time, and a door may close meanwhile. So a load begins before the row is read ([Gate.BeginLoad],
// [Gate.BeginFullLoad]), and a row is applied only where nothing has happened to the door since: no close, and no
// other row. What was not applied is read again. So a door never goes back to an older state, and an
// acknowledged close is never undone by a row from before it.
//
// # The lease
//
// Requests are admitted only under a lease that this instance holds in its cell's database:
//
//	none --Acquire--> held, generation g --Renew--> held, generation g --time--> lapsed --Acquire--> held, generation g+1
//
// A lapsed lease cannot be renewed: while it was over nobody told this gate of closes, so [Gate.Acquire] forgets
// every state, has all of them read anew, and only then counts. An answer leaves the gate only if the generation
// that its request was admitted under has not lapsed: the partition may have moved on meanwhile, and the answer
// may say what is no longer true. What is held back becomes 503 for a read and 502 (outcome_unknown) for a write.
// Answers are therefore buffered, up to a limit; a longer one is checked at each write and broken off.
package gate
