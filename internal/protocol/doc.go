// Package protocol is the vocabulary that router, cells and mover share on the wire: the headers of a refusal,
// the states of a partition's row, and the commands of a move. It holds values and a client; it decides nothing.
//
// A move, step by step, as commands on the cells' internal listener (steps 1 and 10 are the registry's):
//
//	step  command   to      row before              row after
//	 2    record    source  owned                   owned, naming the move
//	 3    import    target  absent | moved, swept   importing (a new attempt)
//	 4    copy      target  importing               importing, copied. Repeated then: takes what changed since
//	 5    close     source  owned, naming the move  unchanged; gates closed for writes, none in flight
//	 6    fence     source  owned, naming the move  fenced (a new fence_no, a deadline)
//	 7    pull      target  importing, copied       ready (naming that fence_no); digests of what changed last
//	 8    handover  source  fenced                  moved: the point of no return
//	 9    own       target  ready                   owned
//	11    receipt   both    moved / owned           unchanged; a receipt each. The target's row names no move any more
//	12    check     target  ready | owned           unchanged; what it has, as of between ready and owned
//	      compare   source  moved                   moved, checked: its frozen rows are the same
//	      sweep     source  moved, checked          moved, swept; names no move any more
//	undo  release   source  owned | fenced          owned, naming no move
//	undo  clear     target  importing | ready       absent
//	any   adopt     both    any                     unchanged, but the leader's token is in the row
//
// Every command but assign is POST /internal/v1/partitions/{partition}/{verb} with a [Command]; every answer is
// a [Reply] (200) or a [Problem] (4xx, 5xx). Repeating a command that was done already by the same tokens is
// success.
package protocol
