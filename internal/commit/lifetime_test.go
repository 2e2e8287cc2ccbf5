package commit_test

import (
	"sync/atomic"
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
	lives := map[string]time.Duration{ // of what the store cannot be told nobody knows what it has handed out by then
		"store away": 24 * time.Hour, "store wiped, then away": 24 * time.Hour,
	}
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
				w.store.SetClock(0)
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
					if got, least := receipt.Held.TTL(), max(longest-time.Minute, lives[name])+commit.Margin; got < least || got > least+time.Minute {
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
		w.log.recreate() // and with it a's beats
		b := w.issuer("b")
		w.settled(b)
		if draft := b.Draft(events.ScopeSession, "s", "", ""); draft.TTL() < 8*time.Hour {
			t.Errorf("a revocation lives for %s", draft.TTL())
		}
	})
}

// Tokens are dated by the store's clock. An edge whose clock is right takes one for
// good for longer by as much as the store's is ahead.
func TestRevocationOutlivesATokenFromTheFuture(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, 0, 25 * time.Minute, 3 * time.Hour} {
		inWorld(t, func(w *world) {
			w.store.SetClock(ahead)
			a := w.issuer("a")
			w.settled(a)
			receipt, err := a.Revoke(w.ctx, events.ScopeSession, "sid", "", "")
			if err != nil || !receipt.Committed {
				t.Fatalf("%+v, %v", receipt, err)
			}
			least := accessTTL + max(0, ahead) + commit.Margin
			if got := receipt.Held.TTL(); got < least || got > least+time.Minute {
				t.Errorf("store's clock %v ahead: lives for %v, want %v", ahead, got, least)
			}
		})
	}
}

// An issuer that is started with a shorter access_ttl while the store is away does
// not know how long the tokens live that are out there.
func TestLoweredWhileTheStoreIsAway(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.issuer("a")
		w.settled(a)
		if _, ok := w.store.HandOut(24 * time.Hour); !ok {
			t.Fatal("nobody can log in")
		}
		w.sleep(10 * time.Second)
		a.kill()
		w.store.SetDown(true)
		b := w.issuer("b")
		w.sleep(10 * time.Second)
		if receipt, err := b.Revoke(w.ctx, events.ScopeSession, "sid", "", ""); err != nil || receipt.Committed {
			t.Fatalf("%+v, %v, want a 202", receipt, err)
		}
		w.sleep(40 * time.Second)
		w.store.SetDown(false)
		w.settled(b)
		w.sleep(35 * time.Minute)
		if !w.store.Holds(key("sid")) {
			t.Error("the store has forgotten it, and a token of 24 hours may live")
		}
	})
}

// The store is restarted empty, and whoever vouches for it first has a shorter
// access_ttl and has never heard from it. Another knows how long the tokens live that
// are out there, and says so in its beats.
func TestWhoVouchesFirstMayKnowLeast(t *testing.T) {
	for name, told := range map[string]bool{"by its setting": false, "by what the store told it": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.store.SetClock(0)
				var late atomic.Bool
				ttl := 8 * time.Hour
				if told {
					ttl = accessTTL
				}
				a := w.issuerBy("a", ttl, func(op string) error {
					if late.Load() && op == "vouch" {
						return errKilled
					}
					return nil
				})
				w.settled(a)
				if _, ok := w.store.HandOut(8 * time.Hour); !ok {
					t.Fatal("nobody can log in")
				}
				if told {
					w.sleep(10 * time.Second)
				}
				late.Store(true)
				w.store.Restart()
				b := w.issuerFor("b", 5*time.Minute)
				w.within(20*time.Second, "vouched for", w.vouched)
				receipt, err := b.Revoke(w.ctx, events.ScopeSession, "sid", "", "")
				if err != nil || !receipt.Committed || receipt.Held.TTL() < 8*time.Hour {
					t.Errorf("lives for %v: %+v, %v", receipt.Held.TTL(), receipt, err)
				}
			})
		})
	}
}

// An issuer that cannot reach the store does not know what others hand out meanwhile.
func TestRaisedWhileAnIssuerIsCutOff(t *testing.T) {
	inWorld(t, func(w *world) {
		var cut atomic.Bool
		a := w.issuerBy("a", 5*time.Minute, func(string) error {
			if cut.Load() {
				return errKilled
			}
			return nil
		})
		w.settled(a)
		w.sleep(10 * time.Second)
		cut.Store(true)
		w.settled(w.issuerFor("b", time.Hour))
		if _, ok := w.store.HandOut(time.Hour); !ok {
			t.Fatal("nobody can log in")
		}
		receipt, err := a.Revoke(w.ctx, events.ScopeSession, "sid", "", "")
		if err != nil || receipt.Committed || receipt.Held.TTL() < time.Hour+commit.Margin {
			t.Errorf("lives for %v: %+v, %v", receipt.Held.TTL(), receipt, err)
		}
	})
}
