package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
)

// maxLookupKeys bounds one question; a token asks about a handful.
const maxLookupKeys = 64

// A Verdict is what the store knows about a token.
type Verdict struct {
	// Revoked is final, vouched for or not, and so is Outdated: the token
	// must be exchanged for a new one.
	Revoked, Outdated bool
	// Vouched says that "not revoked" may be believed.
	Vouched bool
	// Live says that the session asked for exists; false from Lookup. Like
	// "not revoked" it may be believed only with Vouched.
	Live bool
}

// A Lookup is all that an edge may do with the store: ask. It writes nothing,
// so its Redis user needs no right to.
type Lookup struct {
	rdb  redis.UniversalClient
	keys keys
	ask  *redis.Script
}

// NewLookup returns the reading side of a region's store.
func NewLookup(rdb redis.UniversalClient, region string) *Lookup {
	return &Lookup{rdb: rdb, keys: newKeys(region), ask: script(lookupSource)}
}

// A Question is about one token. The keys are those of package events.
type Question struct {
	// IDs are revocations that need only be held.
	IDs []string
	// Ends and Refreshes are cutoffs, which must be at or above Stamp.
	Ends, Refreshes []string
	Stamp           int64
}

// Ask is the question about a token.
func Ask(t events.Token) Question {
	return Question{
		IDs: t.IDs(), Ends: t.Cutoffs(events.ModeEnd), Refreshes: t.Cutoffs(events.ModeRefresh), Stamp: t.Stamp,
	}
}

// String tells the question from every other.
func (q Question) String() string { return fmt.Sprint(q.IDs, q.Ends, q.Refreshes, q.Stamp) }

// Lookup asks in one script whether the token is revoked and whether the store
// was vouched for within staleness, by the server's own clock. The context
// bounds it; nothing is retried, except that a server which lacks the script
// is sent it once.
func (l *Lookup) Lookup(ctx context.Context, q Question, staleness time.Duration) (Verdict, error) {
	names, err := l.names(q)
	if err != nil {
		return Verdict{}, err
	}
	return l.put(ctx, q, names, "", staleness)
}

// Live is Lookup, and asks in the same script whether the issuer's session
// exists and has not expired.
func (l *Lookup) Live(ctx context.Context, q Question, issuer, sid string, staleness time.Duration) (Verdict, error) {
	names, err := l.names(q)
	if err != nil {
		return Verdict{}, err
	}
	return l.put(ctx, q, append(names, l.keys.session(sid)), events.Key(events.ScopeSession, issuer, sid), staleness)
}

func (l *Lookup) names(q Question) ([]string, error) {
	if n := len(q.IDs) + len(q.Ends) + len(q.Refreshes); len(q.IDs) == 0 || n > maxLookupKeys {
		return nil, errors.New("redisstore: a lookup takes 1 to 64 keys, ids among them")
	}
	names := []string{l.keys.vouch()}
	for _, part := range [...][]string{q.IDs, q.Ends, q.Refreshes} {
		for _, k := range part {
			names = append(names, l.keys.revocation(k))
		}
	}
	return names, nil
}

func (l *Lookup) put(ctx context.Context, q Question, names []string, session string, staleness time.Duration) (Verdict, error) {
	answer, err := l.ask.RunRO(ctx, l.rdb, names,
		staleness.Milliseconds(), session, len(q.IDs), len(q.Ends), q.Stamp).Int64Slice()
	if err != nil {
		return Verdict{}, unavailable("lookup", err)
	}
	if len(answer) != 4 {
		return Verdict{}, errMalformed
	}
	return Verdict{Revoked: answer[0] > 0, Outdated: answer[1] > 0, Vouched: answer[2] == 1, Live: answer[3] == 1}, nil
}
