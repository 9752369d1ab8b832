// Package systemtest runs the whole system, as `cellway dev` starts it, and does to it what its users and their
// machines will do: load, a cell that joins, a cell that is drained, killed processes, a frozen and a restarted
// Consul. It talks to the system only as outsiders can: HTTP to router and admin listener, endpoints.json, and
// SQL as a superuser.
//
// [System] starts and stops one system of its own, beside any other. The client that writes and reads is
// internal/load; what the databases have to hold is judged by internal/checker.
package systemtest
