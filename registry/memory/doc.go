// Package memory is a registry inside one process, for tests of what stands on a registry. It keeps nothing and
// serves nobody else.
//
// A [Store] is the shared state, what Consul's servers are; a [Client] is one process's view of it. Every change
// is one step under one mutex, so everything is atomic; watchers are woken by each step and compare. Whoever
// campaigns first leads first.
//
// Tests bring about what happens to a real registry: [Store.ExpireLeader] takes the lock from a leader that does
// not know it yet, [Store.SetDown] makes the store answer nobody, [Store.Forget] loses a registration.
package memory
