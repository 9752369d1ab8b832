// Package view keeps what the router knows: a [route.Table] behind an atomic pointer, fed by the registry's
// watches and by refusals, saved on disk so that a router can start while the registry is away.
//
//	           +------+  WatchMap, Map  +--------+   swap   +----------------------+
//	registry --| live |---------------->| Keeper |--------->| Snapshot: Table, and |--> requests, no lock
//	           +------+  WatchInstances +--------+          | a channel that says  |
//	disk ---------- at the start ---------> ^               | when it is outdated  |
//	refusals ------ Remember ---------------+               +----------------------+
//
// # The map never goes back
//
// A map with an older epoch than the present one is ignored and said so in the log: a registry restored from a
// backup, or a lagging server, must not send customers to cells they have left. Only a map of another cluster
// (a registry made anew) replaces whatever there is, loudly; then everything learned before is forgotten.
//
// # Instances
//
// Instances of another cluster are left out. A cell that owns partitions keeps its last known instances while
// the list has none of it. Health only orders.
//
// # How old
//
// A watch speaks only when something changes, so its silence proves nothing. The keeper therefore also reads the
// map every few seconds; the age of a view is the time since the registry last confirmed its map.
package view
