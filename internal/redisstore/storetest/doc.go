// Package storetest is the conformance suite of redisstore. It runs against
// anything that speaks Redis, and every server that Curfew supports MUST pass
// it. It calls FLUSHALL and SCRIPT FLUSH: never point it at a server in use.
package storetest
