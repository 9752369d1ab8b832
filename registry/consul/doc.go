// Package consul keeps the registry in Consul. It is the only importer of Consul's API.
//
// # Instances
//
// Every process that serves a cell is an instance of the service cellway-cell, with two checks. Consul asks the
// instance for /health, which covers all that it needs to serve. And the instance tells the agent every second
// that it is alive, with a word on its health: five seconds without a word and the process counts as dead. An
// agent that has lost the registration (it was restarted without its data) answers the next beat with 404, and
// the instance registers again. Health is all checks passing.
//
// A dead process stays registered for 72 hours: its last address is worth knowing while its cell has no other,
// over a weekend too, and its customers stay with the cell however long that takes. IDs do not change from start to start in
// practice, so what piles up are addresses that are given up; those go after the 72 hours.
//
// # Watches
//
// A watch is a blocking query, repeated at most ten times a second, of the nearest server whether it has a leader
// or not. Each lasts WatchWait at most, and a bound above that is the patience with a Consul that does not
// answer; after a failure the next comes within two seconds. What is shown is compared with what was shown before.
// Answers that go back in time are asked for again from the start before they are believed; an empty answer
// without a leader is not believed at all (see nextIndex).
//
// # Keys
//
//	<prefix>/cluster                          JSON   what every process must agree on
//	<prefix>/map                              binary the map (placement.Map)
//	<prefix>/epoch                            digits the highest epoch ever journalled, or in a map
//	<prefix>/cells/<name>                     JSON   what a cell is, and what operators asked of it
//	<prefix>/moves/open/<partition>           JSON   the one open move of a partition
//	<prefix>/moves/ended/<epoch>-<partition>  JSON   the history, trimmed to the newest 2,000 and some
//	<prefix>/rebalance                        JSON   progress
//	<prefix>/requests/rebalance               JSON   the last request; its index is the number of requests
//	<prefix>/pace                             JSON   how fast operators want moves to go
//	<prefix>/orders                           JSON   what operators ask of the leader; no key while that is nothing
//	<prefix>/leader                           text   the lock: the name of who holds it, or held it last
//	<prefix>/token                            digits what is added to the lock's count; see Leadership
//
// Whatever takes a term is one Consul transaction that begins with the check that the term's session still holds the
// lock. So a leader of the past, however late it wakes up, writes nothing: the check fails and with it the rest.
// Every other condition of the transaction is a compare-and-set: of the map and the record for a flip, of the
// highest epoch and the absence of a record for an opening. The leader remembers map and highest epoch with their
// indexes (see ledger), so that neither needs a read.
//
// A transaction takes 512 KiB in base64, so the map may have 370 KiB. It has 12 KiB to about 200.
//
// # Leadership
//
//	              the lock is free                       acquired
//	waiting --------------------------> session opened -----------> leading
//	  ^  ^                                    |                        |
//	  |  |  another was faster, or lock delay |                        | ctx ends, lead returns,
//	  |  +------------------------------------+                        | the lock is seen to be another's,
//	  |                                                                | the session cannot be trusted
//	  |              lock released, then session destroyed             |
//	  +----------------------------------------------------------------+
//
// The session is renewed every third of its TTL, and trusted until nine tenths of the TTL after the last successful
// renewal was sent, by the monotonic clock: Consul ends it later than that. The lock's key is watched as well, so
// that a loss is noticed at once. The release comes before the end of the session, and then the next leader has
// it in milliseconds; a session that Consul has to end (after its TTL, at most twice that) keeps everybody out for the
// lock delay on top. The term's token is Consul's count of the lock's acquisitions, and what the key token
// holds on top of it: nothing, until a Consul that has lost its data counts from 1 again and a leader has to catch
// up with what the cells have seen (see token.go).
//
// # Errors
//
// Every failure to get an answer is registry.ErrUnavailable: what was to be written may have been written or not.
package consul
