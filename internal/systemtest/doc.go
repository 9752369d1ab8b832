// Package systemtest runs the whole system, as `cellway dev` starts it, and does to it what its users and their
// machines will do: load, a cell that joins, a cell that is drained, killed processes, a frozen and a restarted
// Consul. It talks to the system only as outsiders can: HTTP to router and admin listener, endpoints.json, and
// SQL as a superuser.
//
//   - [System] starts and stops one system of its own, beside any other.
//   - [Load] is a client that writes and reads without pause and knows what each answer has to be.
//   - [Check] reads the databases themselves and says what is lost, doubled, orphaned or owned twice. It shares
//     no code with cells or mover: partitions are computed here once more, from the definition.
package systemtest
