package commit_test

import (
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/events"
)

// issuerFor is an issuer whose access tokens are good for ttl.
func (w *world) issuerFor(name string, ttl time.Duration) *issuer { return w.issuerBy(name, ttl, nil) }

// issuerBy is one that calls before ahead of every call to the store.
func (w *world) issuerBy(name string, ttl time.Duration, before func(op string) error) *issuer {
	i := &issuer{life: &life{}}
	i.Committer = commit.NewCommitter(w.store.Client(before), w.log, iss, ttl, quiet)
	i.keeper = commit.NewKeeper(i.Committer, w.x, name, staleness, quiet)
	go i.keeper.Run(w.ctx)
	return i
}

// Tokens of an hour are out there when access_ttl is lowered to minutes. Whatever
// is revoked now outlives them, and the log has it for as long as the store.
func TestRevocationsOutliveTokensOfALongerSetting(t *testing.T) {
	const longest = time.Hour
	for name, fault := range map[string]func(*world){
		"both up":         func(*world) {},
		"log away":        func(w *world) { w.log.SetDown(true) },
		"store away":      func(w *world) { w.store.SetDown(true) },
		"store restarted": func(w *world) { w.store.Restart() },
		"store wiped, then away": func(w *world) {
			w.store.Wipe()
			w.within(20*time.Second, "vouched for", w.vouched)
			w.store.SetDown(true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				a := w.issuerFor("a", 5*time.Minute)
				w.settled(a)
				if _, ok := w.store.HandOut(longest); !ok {
					t.Fatal("nobody can log in")
				}
				w.sleep(10 * time.Second)
				fault(w)
				for _, r := range []events.Revocation{{Scope: events.ScopeSession, Subject: "sid"}, cutoff("alice", "cut")} {
					r.Issuer = "" // its life is the committer's to say
					receipt, err := a.Commit(w.ctx, r)
					if err != nil {
						t.Fatal(err)
					}
					if got, least := receipt.Held.TTL(), longest+commit.Margin-time.Minute; got < least || got > least+time.Minute {
						t.Errorf("%s lives for %s, want %s", r.Scope, got, least)
					}
				}
				w.store.SetDown(false)
				w.log.SetDown(false)
				w.settled(a)
				w.sleep(longest)
				w.wantBoth("sid")
				if draft := a.Draft(events.ScopeSession, "s", "", ""); draft.TTL() != 15*time.Minute+commit.Margin {
					t.Errorf("once they have expired a revocation lives for %s", draft.TTL())
				}
			})
		})
	}
}

// A store that has lost its data hears from those who know until when tokens are
// good, and tells others.
func TestLongestTokenSurvivesTheStore(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		w.store.HandOut(8 * time.Hour)
		w.sleep(10 * time.Second)
		w.store.Restart()
		w.sleep(10 * time.Second)
		w.settled(a)
		a.kill()
		b := w.issuer("b")
		w.settled(b)
		if draft := b.Draft(events.ScopeSession, "s", "", ""); draft.TTL() < 8*time.Hour {
			t.Errorf("a revocation lives for %s", draft.TTL())
		}
	})
}
