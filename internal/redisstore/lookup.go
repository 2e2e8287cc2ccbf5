package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/curfew-auth/curfew/internal/events"
)

// maxLookupKeys bounds one question; a token asks about a handful.
const maxLookupKeys = 64

// A Verdict is what the store knows about a token.
type Verdict struct {
	// Revoked is final, vouched for or not.
	Revoked bool
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

// Lookup asks in one script whether any of the revocations is held and
// whether the store was vouched for within staleness, by the server's own
// clock. Keys are events.Key values. The context bounds it; nothing is
// retried, except that a server which lacks the script is sent it once.
func (l *Lookup) Lookup(ctx context.Context, keys []string, staleness time.Duration) (Verdict, error) {
	names, err := l.names(keys)
	if err != nil {
		return Verdict{}, err
	}
	return l.put(ctx, names, "", staleness)
}

// Live is Lookup, and asks in the same script whether the issuer's session
// exists and has not expired.
func (l *Lookup) Live(ctx context.Context, keys []string, issuer, sid string, staleness time.Duration) (Verdict, error) {
	names, err := l.names(keys)
	if err != nil {
		return Verdict{}, err
	}
	return l.put(ctx, append(names, l.keys.session(sid)), events.Key(events.ScopeSession, issuer, sid), staleness)
}

func (l *Lookup) names(keys []string) ([]string, error) {
	if len(keys) == 0 || len(keys) > maxLookupKeys {
		return nil, errors.New("redisstore: a lookup takes 1 to 64 keys")
	}
	names := make([]string, 0, 2+len(keys))
	names = append(names, l.keys.vouch())
	for _, k := range keys {
		names = append(names, l.keys.revocation(k))
	}
	return names, nil
}

func (l *Lookup) put(ctx context.Context, names []string, session string, staleness time.Duration) (Verdict, error) {
	answer, err := l.ask.RunRO(ctx, l.rdb, names, staleness.Milliseconds(), session).Int64Slice()
	if err != nil {
		return Verdict{}, unavailable("lookup", err)
	}
	if len(answer) != 3 {
		return Verdict{}, errMalformed
	}
	return Verdict{Revoked: answer[0] > 0, Vouched: answer[1] == 1, Live: answer[2] == 1}, nil
}
