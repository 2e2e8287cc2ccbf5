package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

const pollEvery = 10 * time.Millisecond

// accepts presents the token of a living session.
func (x *exam) accepts(ctx context.Context, e *edge, g apiclient.Grant) {
	if e.api == nil || e.last == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err := e.api.Whoami(ctx, g.AccessToken)
	switch apiclient.Code(err) {
	case "token_invalid":
		x.add("login", e.label(), Failed, "refuses a good token as not valid: it has other keys, or expects another issuer or audience",
			"compare its jwks_url, issuer_url, audience and hs256_secret with the issuer's")
	case "token_expired":
		x.add("login", e.label(), Failed, "refuses a new token as expired", "set its clock: run NTP there")
	case "freshness_unknown":
		x.add("login", e.label(), Failed, fmt.Sprintf("cannot decide: its copy is %s, and the store is %s for it", e.last.State, e.last.Store),
			"see that it reaches NATS (nats_url) and Redis (redis_url)")
	case "":
		if err != nil {
			x.add("login", e.label(), Failed, err.Error(), "see its log")
			return
		}
		e.accepted = true
		x.add("login", e.label(), OK, "accepts the token", "")
	default:
		x.add("login", e.label(), Failed, "refuses a good token: "+err.Error(), "see its log")
	}
}

// refuses waits until the edge refuses the token of the session that was
// revoked at start.
func (x *exam) refuses(ctx context.Context, e *edge, g apiclient.Grant, r apiclient.Receipt, start time.Time) {
	if !e.accepted {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, x.Patience+askTimeout)
	defer cancel()
	for {
		sent := time.Since(start)
		_, err := e.api.Whoami(ctx, g.AccessToken)
		switch {
		case apiclient.Code(err) == "token_revoked":
			x.add("revoke", e.label(), OK, fmt.Sprintf("refused it %.1f ms after the answer", float64(time.Since(start).Microseconds())/1000), "")
			return
		case apiclient.Code(err) == "freshness_unknown":
			x.add("revoke", e.label(), Warning, "refuses it, because it cannot decide", "")
			return
		case err != nil:
			x.add("revoke", e.label(), Failed, err.Error(), "see its log")
			return
		case sent > x.Patience:
			x.stillAccepts(e, r, sent)
			return
		}
		pause(ctx, pollEvery)
	}
}

func (x *exam) stillAccepts(e *edge, r apiclient.Receipt, took time.Duration) {
	result, do := Failed, "see that it reaches NATS, and that its region is the issuer's"
	switch {
	case !r.Committed():
		result, do = Warning, "it cannot know: the revocation is pending"
	case e.report != nil && e.report.Mode == "stateless":
		do = "its check_mode is stateless: it looks at no revocations"
	}
	x.add("revoke", e.label(), result, fmt.Sprintf("still accepts it after %v", took.Round(time.Millisecond)), do)
}

// follow waits until the edge has applied the log as far as the revocation.
func (x *exam) follow(ctx context.Context, e *edge, r apiclient.Receipt, storeDown, logDown bool) {
	if e.last == nil {
		return
	}
	if e.last.Store == "down" && !storeDown {
		x.add("edge", e.label(), Warning, "has no store, or cannot reach it: it refuses what it cannot decide from memory", "see its redis_url")
	}
	if x.epoch != "" && e.last.Epoch != "" && e.last.Epoch != x.epoch {
		x.add("edge", e.label(), Failed, "follows another log than the issuer", "compare its nats_url and region with the issuer's")
		return
	}
	if logDown || r.Seq == 0 {
		x.add("edge", e.label(), Skipped, fmt.Sprintf("has applied the log up to %d and is %s", e.last.AppliedSeq, e.last.State), "")
		return
	}
	deadline := time.Now().Add(x.Patience)
	for {
		s, err := x.ask(ctx, e)
		if err == nil {
			e.last = &s
		}
		switch {
		case err == nil && s.AppliedSeq >= r.Seq && s.State == "fresh":
			x.add("edge", e.label(), OK, fmt.Sprintf("fresh, has applied the log up to %d", s.AppliedSeq), "")
			return
		case errors.Is(err, errLeft):
			x.add("edge", e.label(), Warning, err.Error(), "nothing, if it was meant to stop")
			return
		case time.Now().After(deadline) || ctx.Err() != nil:
			x.lags(e, r, err)
			return
		}
		pause(ctx, pollEvery)
	}
}

func (x *exam) lags(e *edge, r apiclient.Receipt, err error) {
	if err != nil {
		x.add("edge", e.label(), Failed, err.Error(), "see whether it runs, is stopped, or cannot be reached from here")
		return
	}
	x.add("edge", e.label(), Failed,
		fmt.Sprintf("lags: is %s, and has applied the log up to %d, the revocation is %d, after %v", e.last.State, e.last.AppliedSeq, r.Seq, x.Patience),
		"see that it reaches NATS (nats_url), that its region is the issuer's, and that its machine is not overloaded")
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
