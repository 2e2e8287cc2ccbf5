// Package webhook asks a service of the operator's whether somebody may sign
// in, and as whom.
//
// It promises that credentials go to the configured URL alone: redirects are
// not followed, and plain HTTP is for loopback unless the operator says
// otherwise. Requests are signed, so that the receiver knows who asks. A
// receiver that is slow or down holds no login for longer than Timeout, and
// soon none at all. Passwords get into no log and no error.
//
// A Client may be used by any number of goroutines.
package webhook
