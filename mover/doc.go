// Package mover is the control plane: it leads, plans, and carries partitions from cell to cell, one straight
// story of named steps each. It is never on the way of a request.
//
// # The story of one move
//
//	 1 open       the journal holds the move, with an epoch of its own
//	 2 record     source: the row names the move
//	 3 import     target: the row is importing, and empty
//	 4 copy       target: takes all rows from the source while that works, then what has changed, until little is left;
//	              both sides count and compare everything
//	 5 fence      source: gates close for writes, what is in flight ends,
//	 6            then the row is fenced; it opens again by itself after a second
//	 7 pull       target: takes what changed last; both sides compare that; ready
//	 8 handover   source: moved. The point of no return: before it every failure undoes, from it all goes forward
//	 9 own        target: owned; requests go on
//	10 flip       registry: map and journal, in one transaction
//	   check      both: every replica of the target has the rows, and the source's frozen ones are those that were ready there
//	11 receipt    both: the durable record
//	12 sweep      source: the rows go
//	   done       journal: into the history
//
// A move that cannot go on before step 8 is taken back:
//
//	undo       journal: undoing, and why
//	release    source: owned, without the move; late commands of the move are refused from now on
//	clear      target: absent; late commands likewise
//	undone     journal: into the history
//
// # What is next
//
// The two rows and the journal's record are the truth; nothing that a mover remembers is. [Next] is a pure
// function of those three and the only place that decides. So a new leader needs no plan for what the last one
// left behind: it writes its token into both rows, reads them, the target's before the source's, and asks Next
// (attempt.go). The same happens after any error and any answer that was lost.
//
// Next sees each row in the role that it plays for the move (roles.go explains the words). One table for each
// state of the journal; source downwards, target across; "-" is halt: the protocol cannot lead there, nothing is
// touched, and a person is told. A halted move stops no other.
//
//	open      free      importing partial   copied    ready     unpaired  owner     received  passed    closed    other     broken
//	free      record    undo      undo      undo      undo      undo      -         -         undo      undo      undo      -
//	recorded  import    copy      import    fence     undo      undo      -         -         undo      undo      undo      -
//	fenced    undo      undo      undo      pull      handover  undo      -         -         undo      undo      undo      -
//	moved     -         -         -         -         own       own       flip      flip      done      -         -         -
//	checked   -         -         -         -         own       own       flip      flip      done      -         -         -
//	swept     -         -         -         -         own       own       flip      flip      done      -         -         -
//	kept      undo      undo      undo      undo      undo      undo      -         -         undo      undo      undo      -
//	taken     undo      undo      undo      undo      -         undo      -         -         undo      undo      undo      -
//	past      undo      undo      undo      undo      -         -         flip      flip      undo      undo      undo      -
//	other     undo      undo      undo      undo      -         -         -         -         undo      undo      undo      -
//	broken    -         -         -         -         -         -         -         -         -         -         -         -
//
// A copy that broke off is not gone on with: import begins another attempt. One that was finished is kept through
// fences in vain; each new attempt of the mover lets it catch up before it fences. Past the point of no return (rows
// moved, checked and swept, above and below, are the same) there is no undo; a target
// that is ready under another fence_no than the source's cannot be handed over, so it is undone.
//
//	undoing   free      importing partial   copied    ready     unpaired  owner     received  passed    closed    other     broken
//	free      release   release   release   release   release   release   -         -         release   release   release   -
//	recorded  release   release   release   release   release   release   -         -         release   release   release   -
//	fenced    release   release   release   release   release   release   -         -         release   release   release   -
//	moved     -         -         -         -         own       own       flip      flip      done      -         -         -
//	checked   -         -         -         -         own       own       flip      flip      done      -         -         -
//	swept     -         -         -         -         own       own       flip      flip      done      -         -         -
//	kept      clear     clear     clear     clear     clear     clear     -         -         undone    undone    clear     -
//	taken     clear     clear     clear     clear     -         clear     -         -         undone    undone    clear     -
//	past      clear     clear     clear     clear     -         -         flip      flip      undone    undone    clear     -
//	other     release   release   release   release   -         -         -         -         release   release   release   -
//	broken    -         -         -         -         -         -         -         -         -         -         -         -
//
// A hand-over that came before the undo wins.
//
// After the flip the sides are compared once more, while the target's row still names the move (so that what is written
// there is noted, and can be left out if the target's snapshot from between ready and owned is lost). If they differ
// the move stays where it is: nothing is swept, the journal's record and the log say so, and a counter rises.
//
//	flipped   free      importing partial   copied    ready     unpaired  owner     received  passed    closed    other     broken
//	free      -         -         -         -         -         -         -         -         -         -         -         -
//	recorded  -         -         -         -         -         -         -         -         -         -         -         -
//	fenced    -         -         -         -         -         -         -         -         -         -         -         -
//	moved     -         -         -         -         own       own       check     -         -         -         -         -
//	checked   -         -         -         -         own       own       receipt   sweep     sweep     -         -         -
//	swept     -         -         -         -         -         -         receipt   done      done      -         -         -
//	kept      -         -         -         -         -         -         -         -         done      -         -         -
//	taken     -         -         -         -         -         -         -         -         done      -         -         -
//	past      -         -         -         -         -         -         receipt   done      done      -         -         -
//	other     -         -         -         -         -         -         -         -         -         -         -         -
//	broken    -         -         -         -         -         -         -         -         -         -         -         -
//
// # Trying again
//
// An attempt at a move ends with the move or with the first thing that goes wrong. Then the move goes back to the
// queue with a growing, jittered pause, and the worker is free for another: a cell that is away delays its own
// moves only (those that have begun with it keep their partitions where they are until it is back). Before the point of no return a move that keeps failing is undone, with the reason in its Error; the
// partition, and its pair of cells, then rest for a growing while. After it, it is tried for ever.
//
// A cell that has seen a higher leader's token ends the term at once ([Mover.Run] campaigns again). Where it is the
// registry that counts from lower than before, because its data was lost, the token is raised above what rows have seen.
//
// # The pace
//
// How many moves run at once is the configuration's, and the registry's where an operator has set it (pace.go): it is
// polled, and moves that have begun go on. While moves from a cell are planned, its instances are asked every second
// how long their writes take (throttle.go): above the limit no further move begins from that cell for a pause, which
// doubles for as long as each measurement after it is above the limit, too. What has begun goes on: to stop halfway
// would cost the copy, and to go on costs less than to begin.
//
// # What operators ask
//
// The registry keeps what operators ask of whoever leads (orders.go). A pause keeps moves from beginning; those that
// have begun go on to their end, so that no partition is left half-way. A cancel is a wish (cancel.go) that the
// worker hears before each step that Next has named, and while it copies; it then says undo, if the rows show
// that the move is before the point of no return, and goes on if not. What was cancelled or reversed is held: the planner's moves of
// it are left out until the cells' records change or an operator asks for a rebalance. A reversal takes the
// planner's place until every partition is back. The leader takes out of the book what is over; whatever stands in
// it may be obeyed again, by the next leader too.
//
// # The loop
//
// One goroutine owns all that a leader knows (term.go); moves run in workers that report back to it. It watches
// the instances, asks the registry every half second what operators want, and at every change looks again:
//
//	no map ----------------> first map: once enough cells have settled, and no cell's rows know of an owner
//	map lost --------------> rebuild: owners and epochs from all cells' rows; moves that they name, as in reconcile
//	cell not yet read -----> reconcile: its rows correct journal and map, never the other way round
//	members changed -------> plan: the least moves, with what is in progress counted where it goes
//	orders changed --------> wishes to the moves; plan again
//	a worker is free ------> the next move: begun ones first; while it is paused, no other
//
// A join counts once the cell has been healthy for the settle time without interruption (members.go). A cell that
// owns partitions stays a member however silent it is.
package mover
