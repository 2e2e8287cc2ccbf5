//go:build !curfewtrace

package cache

import "time"

// What this file declares does something only in the edges of the fault runs,
// which are built with the tag curfewtrace; see trace_on.go. Here it is nothing
// and costs nothing.

type (
	tracedWindow struct{}
	tracedSearch struct{}
)

func (w *tracedWindow) opened(time.Duration, bool) {}

func (s *tracedSearch) begins(*Token) {}

func (c *Copy) preempt() {}

func traceDecision(window, finding, time.Duration, Answer) {}

func traceAdded(Key, time.Duration) {}

// TraceApplied notes that a revocation in the log has been taken into the copy.
func (c *Copy) TraceApplied(epoch string, seq uint64, id string, ttl time.Duration) {}

// TraceRenewed notes that the copy is about to be renewed: it holds the log up to
// seq. It MUST be called before Renew.
func (c *Copy) TraceRenewed(epoch string, seq uint64, asOf time.Duration) {}
