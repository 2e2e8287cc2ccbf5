// Package nats is the layout of accounts that Curfew is to run with on NATS, as
// text for tests and for clusters on one machine.
package nats

import _ "embed"

// Accounts is accounts.conf, which a server's configuration includes. It names
// passwords of the environment.
//
//go:embed accounts.conf
var Accounts string

// JSPrefix is the nats_js_prefix that everybody needs under these accounts.
const JSPrefix = "JS.API"

// Users are those that log in. The password of each is in the environment, as
// NATS_ISSUER_PASSWORD for the issuer.
var Users = [...]string{"issuer", "edge", "peer", "admin"}
