// Package compose runs the system in containers, by the docker command and its compose plugin: up and down, one more
// cell, a restart. What runs is what docker-compose.yml says; this package adds nothing to it but cells.
//
// # Cells that were added
//
// A cell that is added is a copy of one that the project has: the resolved services, volumes and networks that
// bear the other's name, with the name exchanged. So it gets whatever the project's cells get, a Postgres server of
// its own too where they have one each. The copy is a compose file of its own, kept under the state directory:
//
//	<state>/compose/<project>/cell-d.json
//
// and every later command names it beside the project's own files. A cell of docker-compose.yml that is
// removed has a file there too, which puts it into a profile that nobody starts.
//
// # Which project
//
// The project's name is that of docker-compose.yml, unless COMPOSE_PROJECT_NAME names another. A project that runs says
// by its containers' labels which files it was started from; those are used, so that an override need not be named
// again with each command. COMPOSE_FILE names other files at the start, as for docker compose itself.
package compose
