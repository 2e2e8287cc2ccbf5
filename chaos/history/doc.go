// Package history proves, or disproves, the promise on what really happened.
//
// Clients log in, call edges, refresh and revoke. Each operation is recorded
// with the moment before it was sent and the moment after its answer came
// back, on the monotonic clock of the one process that runs the clients.
// [Check] then looks for operations that cannot be explained by any correct
// cluster. With B the staleness bound:
//
//   - a token accepted by a call that started later than B after a revocation
//     of it was answered 200: [LateAcceptance], or [Forgotten] when an edge had
//     already refused that token as revoked;
//   - a token refused as revoked before any revocation that could reach it was
//     even asked for: [FalseRefusal];
//   - a refresh that started after the session's end was answered 200, and
//     succeeded: [RefreshAfterEnd];
//   - a token accepted by a call that started after every edge had confirmed
//     its revocation, at whatever distance: [AfterConfirmed];
//   - a token accepted by the very edge that had refused it as revoked:
//     [AcceptedAgain], whatever the revocation was answered, unless the edge was
//     started anew in between;
//   - a token accepted by a call that started later than B after another edge
//     had refused it as revoked: [Revived], unless in between every issuer was
//     dead, so that nobody passed on what only the store knew, or log or store
//     lost what only it held;
//   - an operation that makes no sense, so that the history proves nothing:
//     [Malformed].
//
// The excuses are recorded as each [Lapse]; an edge that went by a smaller bound
// than B is held to that, see [Limit].
//
// The checker never blames a correct cluster. An edge decides somewhere
// between a call's start and its end, and a revocation takes hold somewhere
// between its start and its end, or, if it was not answered 200, at any time
// after its start or never. Where the order of two operations is open, the
// order that excuses the cluster is assumed.
//
// The other direction is only as good as the load: a history without calls on
// revoked tokens has no violations. [Row.Probes] counts the calls that could
// have shown one; a run must require that it is not zero.
//
// A [Recorder] may be used by any number of goroutines. Histories and reports
// are plain values; Check only reads, and keeps no reference after it returns
// except from the report's violations to the operations they are about.
//
// A history holds ids (jti, sid), never tokens, passwords or refresh tokens.
package history
