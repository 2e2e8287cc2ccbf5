// Package proc runs child processes that can be killed, paused and started
// again, for tests and for the development cluster. It does not import
// testing; package testenv ties its processes to a test.
//
// A child runs in a process group of its own: signals reach what it started
// too, and Ctrl-C in a terminal reaches only the parent, which then stops its
// children in order. On Linux a child is killed when its parent dies. The
// CURFEW_* variables of the parent's environment are not handed down.
//
// All methods may be called concurrently. The package needs a Unix system.
package proc
