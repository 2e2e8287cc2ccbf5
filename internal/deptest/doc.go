// Package deptest keeps the import directions. It has no code; rules_test.go
// says who may import whom, and its tests fail on anything else.
//
// Imports point one way, from the commands to the contracts:
//
//	cmd ─> issuer, edge ─> guard, session, commit ─> events, token, cache
//	            adapters (redisstore, audit) ─> the contracts they fulfil
package deptest
