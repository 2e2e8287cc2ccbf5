package issuer_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/commit"
	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/session"
	"github.com/curfew-auth/curfew/internal/testenv"
)

const elsewhere = "https://id.example.com/realms/acme"

// published is the last revocation of a scope in the log.
func (b *bench) published(t *testing.T, scope events.Scope) (r events.Revocation) {
	t.Helper()
	nc, err := nats.Connect(b.nats.URL())
	testenv.Must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	testenv.Must(t, err)
	stream, err := js.Stream(t.Context(), "CURFEW_local")
	testenv.Must(t, err)
	msg, err := stream.GetLastMsgForSubject(t.Context(), "curfew.local.revoke."+string(scope))
	testenv.Must(t, err)
	testenv.Must(t, json.Unmarshal(msg.Data, &r))
	return r
}

// A revocation of another issuer's tokens goes into the log under that issuer,
// lives as long as those, and touches nothing of ours.
func TestForeignRevocations(t *testing.T) {
	const support = "another-token-of-the-support-0001"
	b := start(t, func(cfg *config.Issuer) {
		cfg.Admins = config.Admins{{Name: "support", TokenSHA256: config.HashToken(support), Roles: []string{config.RoleAll}, Tenant: "acme"}}
		cfg.TrustedIssuers = config.TrustedIssuers{
			{Issuer: elsewhere, MaxLifetime: 3 * time.Hour, DefaultTenant: "acme"},
			{Issuer: "https://named.example", MaxLifetime: time.Hour, Claims: config.ClaimNames{Tenant: config.ClaimPath{"org"}}},
		}
	})
	mine := b.login(t, "alice", "")
	for _, c := range []struct {
		body string
		want events.Revocation
	}{
		{`"scope":"session","id":"` + mine.SessionID + `"`, events.Revocation{Scope: events.ScopeSession, Subject: mine.SessionID}},
		{`"scope":"token","id":"j-1"`, events.Revocation{Scope: events.ScopeToken, Subject: "j-1"}},
		{`"scope":"user","id":"u-alice"`, events.Revocation{Scope: events.ScopeUser, Subject: "u-alice", Tenant: "acme"}},
		{`"scope":"user","id":"u-alice","tenant":"default","mode":"refresh"`, events.Revocation{Scope: events.ScopeUser, Subject: "u-alice", Tenant: "default", Mode: events.ModeRefresh}},
		{`"scope":"tenant","id":"default"`, events.Revocation{Scope: events.ScopeTenant, Subject: "default"}},
		{`"scope":"all"`, events.Revocation{Scope: events.ScopeAll, Subject: events.Everybody}},
		{`"scope":"key","id":"k-1"`, events.Revocation{Scope: events.ScopeKey, Subject: "k-1"}},
	} {
		a := b.revoke(t, `{"issuer":"`+elsewhere+`",`+c.body+`}`)
		a.want(t, c.body, 200, "")
		got := b.published(t, c.want.Scope)
		if got.ID != a.field(t, "revocation_id") || got.Issuer != elsewhere || got.Subject != c.want.Subject ||
			got.Tenant != c.want.Tenant || got.Mode != c.want.Mode || got.TTL() != 3*time.Hour+5*time.Second+4*time.Minute+commit.Margin {
			t.Errorf("%s: in the log %+v", c.body, got)
		}
	}
	if e := b.awaitEvent(t, func(e session.Event) bool { return e.Action == "revoke" && e.Scope == "session" }); e.Issuer != elsewhere {
		t.Errorf("the trail says %+v", e)
	}
	a, _ := b.exchange(t, mine)
	a.want(t, "our session of the same sid, user and tenant", 200, "")

	for _, c := range []struct {
		bearer, body string
		status       int
		code         string
	}{
		{b.admin, `{"issuer":"https://unknown.example","scope":"token","id":"j"}`, 400, "bad_request"},
		{b.admin, `{"issuer":"` + elsewhere + `/","scope":"token","id":"j"}`, 400, "bad_request"},
		{b.admin, `{"issuer":"` + elsewhere + `","scope":"device","id":"d","user":"u"}`, 400, "bad_request"},
		{b.admin, `{"issuer":"` + elsewhere + `","scope":"user","id":"u","dry_run":true}`, 400, "bad_request"},
		{b.admin, `{"issuer":"https://named.example","scope":"user","id":"u"}`, 400, "bad_request"},
		{b.admin, `{"issuer":"https://named.example","scope":"user","id":"u","tenant":"t"}`, 200, ""},
		{b.admin, `{"issuer":7,"scope":"token","id":"j"}`, 400, "bad_request"},
		{support, `{"issuer":"` + elsewhere + `","scope":"user","id":"u","tenant":"acme"}`, 403, "forbidden"},
		{support, `{"issuer":"https://unknown.example","scope":"token","id":"j"}`, 403, "forbidden"},
	} {
		call{url: b.url + "/admin/v1/revocations", bearer: c.bearer, body: c.body}.do(t).want(t, c.body, c.status, c.code)
	}
	ours := b.revoke(t, `{"issuer":"`+b.url+`","scope":"session","id":"`+mine.SessionID+`"}`)
	ours.want(t, "our own by name", 200, "")
	a, _ = b.exchange(t, mine)
	a.want(t, "our own session", 401, "session_ended")
}
