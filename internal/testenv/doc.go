// Package testenv is the one door through which integration tests come to a real Postgres and a real Consul.
//
//	func TestMain(m *testing.M) { testenv.Main(m, testenv.CheckLeaks()) }
//
//	func TestX(t *testing.T) {
//		url := testenv.Postgres(t)  // a fresh database on a server that all tests of the process share
//		addr := testenv.Consul(t)   // an agent for this test alone, host:port
//		pg := testenv.PostgresServer(t)  // a server for this test alone, to be killed, frozen, restarted
//		consul := testenv.ConsulServer(t)
//	}
//
// Where the servers come from, the first that can be had:
//
//  1. containers, where a Docker engine answers and has the images (postgres:15, hashicorp/consul:1.22; other names by
//     CELLWAY_POSTGRES_IMAGE and CELLWAY_CONSUL_IMAGE);
//  2. programs of this machine (see package localserver);
//  3. containers from images that the engine can pull;
//  4. for Consul: a server built with Go, once, which takes minutes.
//
// CELLWAY_TEST_SERVERS=docker or local forces one. One line on stderr says which it is. If nothing can be had the
// test is skipped with the reason; where CI=true it fails. A server that can be had but does not start is a failure
// everywhere.
//
// Consul runs in the host's network, so that its checks reach listeners of the tests on 127.0.0.1; that works on
// Linux alone, so elsewhere Consul is always a program of the machine. Everything listens on 127.0.0.1.
//
// What a process made ends with it: containers are removed at the end of their test, or in Main; what a killed
// process left behind is removed at the start of a later one (by labels that name machine and process, and after
// two hours in any case). Programs end with the process even if it is killed (Linux). Data is written without fsync.
package testenv
