package guard_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/curfew-auth/curfew/guard"
	"github.com/curfew-auth/curfew/internal/cache"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/token"
)

// The memory for verified tokens is bounded by what they are charged, so that
// must not be much less than what they take.
func TestVerifiedTokensTakeWhatTheyAreCharged(t *testing.T) {
	m := newMesh(t)
	m.keep()
	for _, c := range []struct{ tokens, device int }{{20_000, 0}, {4_000, 4000}} {
		n := m.node(func(cfg *guard.Config) { cfg.ID, cfg.CacheEntries = fmt.Sprint("edge-", c.device), 100_000 })
		testenv.Eventually(t, ceiling, n.Ready)
		raws := make([]string, c.tokens)
		for i := range raws {
			raws[i] = m.from(fmt.Sprint("s-", i), strings.Repeat("d", c.device))
		}
		before := inUse()
		for _, raw := range raws {
			_, _ = n.Check(t.Context(), raw)
		}
		took, charged := (inUse()-before)/c.tokens, cache.CostOf(len(raws[0]))
		t.Logf("tokens of %d bytes take %d, and are charged %d", len(raws[0]), took, charged)
		if took > charged*5/4 { // servers in this process take some of it
			t.Errorf("tokens of %d bytes take %d, and are charged %d", len(raws[0]), took, charged)
		}
		runtime.KeepAlive(raws)
	}
}

func inUse() int {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// from mints a token that names a device.
func (m *mesh) from(sid, device string) string {
	now := time.Now()
	raw, err := m.keys.Mint(token.Claims{
		Issuer: issuer, Subject: "u-1", ID: uuid.NewString(), SessionID: sid, Tenant: "default", Region: m.region, Device: device, Audience: []string{api},
		Roles: []string{"admin"}, IssuedAt: now, ExpiresAt: now.Add(time.Hour), IssuedAtMillis: now.UnixMilli(),
	})
	testenv.Must(m.t, err)
	return raw
}
