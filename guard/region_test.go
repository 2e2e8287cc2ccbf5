package guard_test

import (
	"errors"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// elsewhere is another region on the same NATS, Redis, keys and issuer URL, with
// a log and a store of its own.
func (m *mesh) elsewhere(region string) *mesh {
	m.t.Helper()
	other := &mesh{
		t: m.t, nats: m.nats, toNATS: m.toNATS, redis: m.redis, toRedis: m.toRedis, redisURL: m.redisURL,
		keys: m.keys, jwks: m.jwks, region: region,
	}
	nc, err := events.Connect(m.nats.URL(), "", "test", quiet)
	testenv.Must(m.t, err)
	m.t.Cleanup(nc.Close)
	other.log, err = events.NewJetStream(nc, region, 1)
	testenv.Must(m.t, err)
	testenv.Must(m.t, other.log.Ensure(m.t.Context()))
	other.exchange = events.NewNATSExchange(nc, region)
	rdb, err := redisstore.Open(m.redis.URL(), redisstore.Options{})
	testenv.Must(m.t, err)
	m.t.Cleanup(func() { _ = rdb.Close() })
	other.store = redisstore.New(rdb, region)
	other.committer = commit.NewCommitter(other.store, other.log, issuer, 15*time.Minute, quiet)
	return other
}

// A session that ended in one region is not known to have ended in another, so
// that an edge takes tokens of its own region alone.
func TestTokensOfAnotherRegion(t *testing.T) {
	here := newMesh(t)
	there := here.elsewhere("there")
	edges := map[*mesh]*node{}
	for _, m := range []*mesh{here, there} {
		m.keep()
		edges[m] = m.node(func(c *guard.Config) { c.Region = m.region })
	}
	mine, theirs := here.token("s-1", "j-1", time.Hour), there.token("s-2", "j-2", time.Hour)
	edges[here].eventually(t, mine, nil)
	edges[there].eventually(t, theirs, nil)
	here.commit(events.ScopeSession, "s-1")
	edges[here].eventually(t, mine, guard.ErrRevoked)
	for name, c := range map[string]struct {
		at  *node
		raw string
	}{
		"revoked there, shown here": {edges[there], mine}, "good there, shown here": {edges[here], theirs},
	} {
		for range 2 { // also from the memory of verified tokens
			if _, err := c.at.Check(t.Context(), c.raw); !errors.Is(err, guard.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
