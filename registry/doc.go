// Package registry says who is alive and where the map lives, in the domain's words.
//
// It is an interface with two implementations: registry/consul, the only importer of Consul's API, and
// registry/memory, for tests of pure logic. One conformance suite, registry/registrytest, runs against both.
// What both decide between reading and writing (the next epoch, whether a flip may happen, what an announcement
// changes, which records are possible) are functions of values in this package, so that they cannot differ.
//
// The registry is trusted with nothing that could make two cells accept writes for one customer: the cells'
// databases have the last word (see package cell). It may lie about health, go silent, restart, go back in time or lose
// all it holds; routing goes on from the last known view, and the mover writes back what the databases know.
//
// # Repeating a call
//
// After [ErrUnavailable] a write may have happened or not. All of them may be repeated: creating, announcing and
// draining reach the same state; Flip and EndMove recognise what they have done before; OpenMove and UpdateMove
// then answer [ErrConflict], and OpenMoves shows what is stored.
//
// # Watches and campaigns
//
// WatchInstances, WatchMap, Register and Lead block until their context is done and then return nil. They do not
// give up before: what goes wrong meanwhile goes to onError, or to the log.
package registry
