// Package backend runs nats-server and redis-server as child processes, each
// with a directory of its own, so that they can be killed, paused, restarted
// with or without their data, and joined to clusters and replicas. It is for
// tests (through package testenv), the fault runs and the development
// cluster, and does not import testing.
//
// A method that starts a server returns when the server is ready, or with an
// error when its context ends first. Faults may be injected by one goroutine
// while others use the server; starting and stopping one server from several
// goroutines at once is not supported.
package backend
