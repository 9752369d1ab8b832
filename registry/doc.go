// Package registry says who is alive and where the map lives, in the domain's words.
//
// It is an interface with two implementations: registry/consul, the only importer of Consul's API, and
// registry/memory, for tests of pure logic. One conformance suite, registry/registrytest, runs against both.
//
// The registry is trusted with nothing that could make two cells accept writes for one customer: the cells'
// databases have the last word (see package cell). It may lie about health, go silent, restart or go back in
// time; routing goes on from the last known view.
package registry
