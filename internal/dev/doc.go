// Package dev is the supervisor behind `cellway dev`: the whole system on one machine, without containers. It starts
// a private Postgres and a private Consul, then the roles as child processes of the same binary, and keeps them
// in sight until it is told to stop.
//
//	            Run                      all ready                   ctx ends
//	(nothing) -------> starting ----------------------> running ----------------> stopping --> (nothing)
//	                      |                               |  ^                        router, movers, cells,
//	                      | a child fails                 |  |                        consul, postgres
//	                      v                               v  |
//	                  stopping                  a child dies: reported, stays down
//	                                            control listener: Restart, AddCell, RemoveCell
//
// What is kept between runs is in the state directory: data, the ports of every child (so that addresses stay
// what other processes believe), the cells with their weights, secrets, logs. A second supervisor on the same
// directory is refused. While the system runs, endpoints.json says where everything is, for scripts and tests, and
// control.json where [Client] finds the supervisor itself.
//
// Nothing of a running system is left behind by a supervisor that is killed: the kernel ends its children.
package dev
