// Package compose runs the system in containers, by the docker command and its compose plugin: up and down, one more
// cell, a restart. What runs is what docker-compose.yml says; this package adds nothing to it but cells.
//
// # State
//
// What a project needs to be told between commands is kept under the state directory, in compose/<project>:
//
//	settings.json   the files and variables of the last start: later commands and starts need not be told again
//	cells.json      which cells were added, with their weights, and which of the files' own were removed
//	compose.json    the compose file that this comes to, written anew from the project's files at each change and start
//
// A cell that is added is a copy of the first one of the project's files: the resolved services, volumes and networks that
// bear its name, with the name exchanged. So it gets whatever the project's cells get, a Postgres server of its own too
// where they have one each. A cell of the files that is removed is put into a profile that nobody starts.
//
// # Which project
//
// The project's name is that of docker-compose.yml, unless COMPOSE_PROJECT_NAME names another. A project that has
// containers says by their labels which files it was started from. COMPOSE_FILE names other files at a start, as for docker
// compose itself.
package compose
