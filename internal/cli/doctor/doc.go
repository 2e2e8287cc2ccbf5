// Package doctor finds out what is wrong with a cluster, from outside: it asks
// the issuer and every edge, opens a session for a user that does not exist,
// sees that every edge accepts it, revokes it, and sees that every edge
// refuses. It leaves nothing behind but that revocation and the trail's entries.
//
// A finding names what is broken and what to do. Where one fault explains
// others, such as a log that is down and edges that are stale, only the cause
// counts as failed.
package doctor
