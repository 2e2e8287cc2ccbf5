// Package testenv gives tests real servers: nats-server embedded, as a
// process or as a cluster, redis-server with replicas, Curfew's own binaries,
// and a proxy to break the network between them. All is in temporary
// directories, on free loopback ports, and gone when the test ends, however
// it ends; the logs of the processes are shown when it failed.
//
// A server is ready when its function returns. The functions end the test
// when something cannot be started; nothing is ever skipped. What they return
// comes from packages that do not know testing, with methods that return
// errors: wrap those in Must. All of it needs a Unix system.
package testenv
