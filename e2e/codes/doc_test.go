// Package codes_test asks real issuers and edges for every refusal that they
// know: each code once at least, by a request that a client could send.
package codes_test
