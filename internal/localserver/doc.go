// Package localserver finds and starts private servers on this machine, Postgres and Consul, as child processes:
// for `cellway dev`, and for tests where there is no container engine.
//
// Every server listens on 127.0.0.1 alone, keeps its data in a directory of its own and belongs to the process
// that started it:
//
//	            Start                    ready
//	(nothing) --------> starting ------------------> serving
//	                       |                            |
//	                       | exits, or is not ready     | Stop: asks, waits, kills
//	                       v in time: killed            | dies by itself: Process.Done
//	                     error                          v
//	                                                  ended: its data stays; Start again
//
// A [Process] runs in a process group of its own, so that Ctrl-C in a terminal reaches only the parent, which then
// stops its children in order. On Linux the kernel ends it when the parent dies, however it dies.
//
// Postgres refuses to run as root: there it runs as the user postgres (or nobody). That user may be unable to
// enter the state directory (a clone under /root); then the data alone is kept elsewhere, see [Postgres].
package localserver
