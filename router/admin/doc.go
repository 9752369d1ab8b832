// Package admin is what operators and scripts see: cells, map, plan, moves and progress, and the few things that
// may be asked for. What is asked for is kept in the registry; the mover carries it out.
//
//	GET  -> look at the registry (world) -> pure functions: members, status, progress -> JSON or the page
//	POST -> look -> may it? (mayDrain, mayRemove) -> registry -> 202
//
// Map and locate are answered from this router's own view: they say where it sends requests, and they work while
// the registry is away. Everything else asks the registry itself, since a script that has just asked for
// something must not be told yesterday's state; without it they answer 503.
//
// # Running
//
// A rebalance runs from the registration of a cell, or the request, until the last source is swept: while the
// mover says so, or a move is open, or a plan over the present members, with open moves counted as done, is not
// empty. The last covers the time before the mover has noticed. The registry is read in an order (map, cells and
// instances before moves and progress) in which nothing can slip from one answer to the next unseen.
package admin
