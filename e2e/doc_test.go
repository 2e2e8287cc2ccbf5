// Package e2e_test looks at Curfew as its users do: it builds the binaries,
// runs them as processes against a real nats-server and redis-server, and
// knows nothing but what the contract names. The one thing it takes from
// inside is package token, to forge what an attacker would.
//
//   - TestCluster: two issuers and three edges that share one log and store.
//   - TestSettings, TestStart…, TestEnd…: how services are configured, start,
//     wait and end.
//   - TestUp…, TestDemo, TestHashPassword, TestUsage: the command curfew.
package e2e_test
