// Package up runs a whole cluster in one process: a real JetStream server, a
// store that speaks Redis's protocol, an issuer and edges, through exactly the
// code that the services run. Nothing survives the process.
package up
