// Package crash marks the places where a test kills the process. In an
// ordinary build, Here does nothing and costs nothing; see the build tag
// crashpoints.
package crash
