package session_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/curfew-auth/curfew/internal/embedded"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
)

// TestLifeOnEmbeddedStore: whatever users, thieves and time do in whatever
// order at two issuers, the rules keep to the model, to the millisecond.
func TestLifeOnEmbeddedStore(t *testing.T) {
	server, err := embedded.StartStore()
	must(t, err)
	t.Cleanup(server.Close)
	b, now := newBenchOn(t, server.URL()), time.Now().Truncate(time.Millisecond)
	server.StopClock(now)
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t, b, now)
		actions := m.actions()
		pass := func(d time.Duration) {
			now = now.Add(d)
			m.now = now
			server.StopClock(now)
		}
		actions["time passes"] = func(t *rapid.T) { pass(rapid.SampledFrom(m.steps()).Draw(t, "for")) }
		actions["late retry"] = func(t *rapid.T) { m.lateRetry(t, pass) }
		t.Repeat(actions)
	})
}

// TestLifeOnRedis is the same where no time passes.
func TestLifeOnRedis(t *testing.T) {
	b := newBenchOn(t, testenv.Redis(t, backend.RedisOptions{}).URL())
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t, b, time.Now())
		m.noise = time.Minute
		t.Repeat(m.actions())
	})
}

// A machine does everything twice: at one of two issuers, and in the model.
type machine struct {
	model
	bench   *bench
	issuers [2]*session.Service
	noise   time.Duration // by how much the store's clock and ours may differ
}

func newMachine(t *rapid.T, b *bench, now time.Time) *machine {
	rules := config()
	rules.AccessTTL, rules.Grace, rules.RefreshTTL, rules.SessionMax = 10*time.Minute, 5*time.Minute, 20*time.Minute, 30*time.Minute
	rules.FixedEnd = rapid.Bool().Draw(t, "fixed end")
	rules.Limit = session.Limit{
		Total: rapid.IntRange(0, 3).Draw(t, "limit"), PerKind: rapid.IntRange(0, 2).Draw(t, "limit per kind"),
		Refuse: rapid.Bool().Draw(t, "refuse"),
	}
	m := &machine{model: model{rules: rules, now: now}, bench: b}
	parts := b.parts
	parts.Users = everybody{}
	for n := range m.issuers {
		m.issuers[n] = session.NewService(parts, rules)
	}
	m.wipe(t)
	return m
}

// wipe empties the store. What it holds slows the embedded one down.
func (m *machine) wipe(t *rapid.T) {
	must(t, m.bench.rdb.FlushAll(t.Context()).Err())
	refill, err := m.bench.store.BeginRefill(t.Context())
	must(t, err)
	must(t, m.bench.store.Vouch(t.Context(), refill, m.now))
}

func (m *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": m.check, "login": m.signIn, "another login": m.signIn, "refresh": m.rotate, "retry": m.retry, "reuse": m.reuse,
		"race": m.race, "forgery": m.forge, "logout": m.logout, "logout by refresh token": m.logoutRefresh,
		"end one": m.endOne, "end all": m.endAll,
	}
}

// steps are on both sides of every end.
func (m *machine) steps() []time.Duration {
	const tick = time.Millisecond
	return []time.Duration{
		tick, m.rules.Grace / 2, m.rules.Grace, m.rules.Grace + tick,
		m.rules.RefreshTTL - m.rules.Grace, m.rules.RefreshTTL - tick, m.rules.RefreshTTL,
	}
}

var people = []person{{"default", "alice"}, {"default", "bob"}, {"acme", "alice"}}

func (p person) id() string { return "u-" + p.name }

// check compares what can be seen: who is signed in, and what was ended.
func (m *machine) check(t *rapid.T) {
	for _, p := range people {
		var want, got []string
		for _, s := range m.of(p) {
			want = append(want, s.id)
		}
		list, err := m.bench.Sessions(t.Context(), p.tenant, p.id())
		must(t, err)
		for _, s := range list {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v has %v, want %v", p, got, want)
		}
	}
	m.checkEnds(t)
}

// checkEnds: the edges hear of everything that was ended, and of nothing else.
// A revocation is kept for an hour.
func (m *machine) checkEnds(t *rapid.T) {
	revoked := map[string]bool{}
	for r, err := range m.bench.store.Live(t.Context()) {
		must(t, err)
		revoked[r.Subject] = true
	}
	for _, s := range m.sessions {
		if fresh := m.now.Before(s.endedWhen.Add(time.Hour)); s.ended && fresh != revoked[s.id] || !s.ended && revoked[s.id] {
			t.Fatalf("session %s ended: %v, revoked: %v", s.id, s.ended, revoked[s.id])
		}
	}
}

// issuer draws one by its number, or a failure would print all it is made of.
func (m *machine) issuer(t *rapid.T) *session.Service {
	return m.issuers[rapid.IntRange(0, len(m.issuers)-1).Draw(t, "issuer")]
}

// oneOf draws a token by its age, or a failure would print it.
func oneOf(t *rapid.T, tokens []string) string {
	return tokens[rapid.IntRange(0, len(tokens)-1).Draw(t, "token")]
}

// any draws a session, which may be over.
func (m *machine) any(t *rapid.T) *lineage {
	if len(m.sessions) == 0 {
		t.SkipNow()
	}
	return m.sessions[len(m.sessions)-1-rapid.IntRange(0, len(m.sessions)-1).Draw(t, "session")]
}

// wantGrant checks an answer for a session, and remembers a new token.
func (m *machine) wantGrant(t *rapid.T, g session.Grant, of *lineage, token string) {
	t.Helper()
	newest := of.tokens[len(of.tokens)-1]
	if g.SessionID != of.id || g.UserID != of.person.id() || token != "" && g.RefreshToken != token || token == "" && slices.Contains(of.tokens, g.RefreshToken) {
		t.Fatalf("granted to %s: session %s, same as the newest: %v", of.id, g.SessionID, g.RefreshToken == newest)
	}
	if token == "" {
		of.tokens = append(of.tokens, g.RefreshToken)
	}
	m.wantTime(t, "refresh token", g.RefreshExpiresIn, of.idleEnd.Sub(m.now))
	m.wantTime(t, "access token", g.ExpiresIn, min(m.rules.AccessTTL, of.idleEnd.Sub(m.now)))
}

func (m *machine) wantTime(t *rapid.T, what string, got, want time.Duration) {
	t.Helper()
	if (got - want).Abs() > m.noise {
		t.Fatalf("the %s ends in %v, want %v", what, got, want)
	}
}

// race: one token at both issuers, several times at once, has one successor.
func (m *machine) race(t *rapid.T) {
	s := m.any(t)
	token := s.tokens[len(s.tokens)-1]
	answers, errs := make([]session.Grant, 4), make([]error, 4)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Go(func() { answers[n], errs[n] = m.issuers[n%2].Refresh(t.Context(), token, session.Caller{}) })
	}
	wg.Wait()
	for n, g := range answers {
		next, want := m.refresh(s, token)
		wantError(t, "race", errs[n], want)
		if want == nil {
			m.wantGrant(t, g, s, next)
		}
	}
}
