// Package containertest tests the system in containers, on networks of its own, against faults that need them: a
// killed or frozen container, one that is cut off from the others.
//
// What runs is what docker-compose.yml and the overrides under deploy describe: [Start] has compose resolve them and
// makes networks, volumes and containers by testcontainers-go from the result, with every user, limit and mount
// that it names. Only ports differ, which are free ones of 127.0.0.1, and Postgres is published there too, for the checker.
//
// A test does something to a container and says whose customers may notice. The client of package load writes and
// reads meanwhile; what it saw is printed, and package checker reads the databases afterwards.
package containertest
