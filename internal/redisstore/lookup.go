package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxLookupKeys bounds one question; a token asks about a handful.
const maxLookupKeys = 64

// A Verdict is what the store knows about a token.
type Verdict struct {
	// Revoked is final, vouched for or not.
	Revoked bool
	// Vouched says that "not revoked" may be believed.
	Vouched bool
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
	if len(keys) == 0 || len(keys) > maxLookupKeys {
		return Verdict{}, errors.New("redisstore: a lookup takes 1 to 64 keys")
	}
	names := make([]string, 0, 1+len(keys))
	names = append(names, l.keys.vouch())
	for _, k := range keys {
		names = append(names, l.keys.revocation(k))
	}
	answer, err := l.ask.RunRO(ctx, l.rdb, names, staleness.Milliseconds()).Int64Slice()
	if err != nil {
		return Verdict{}, unavailable("lookup", err)
	}
	if len(answer) != 2 {
		return Verdict{}, errMalformed
	}
	return Verdict{Revoked: answer[0] > 0, Vouched: answer[1] == 1}, nil
}
