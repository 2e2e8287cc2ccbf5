package issuer_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

type listed struct {
	Revocations []struct {
		RevocationID string    `json:"revocation_id"`
		Scope        string    `json:"scope"`
		ID           string    `json:"id"`
		Tenant       string    `json:"tenant"`
		Issuer       string    `json:"issuer"`
		Mode         string    `json:"mode"`
		Reason       string    `json:"reason"`
		Actor        string    `json:"actor"`
		RevokedAt    time.Time `json:"revoked_at"`
		ExpiresAt    time.Time `json:"expires_at"`
	}
	Next string
}

func (l listed) String() string {
	var out []string
	for _, r := range l.Revocations {
		out = append(out, r.Scope+" "+r.ID)
	}
	return strings.Join(out, ", ")
}

func (b *bench) listed(t *testing.T, bearer, query string) (l listed) {
	t.Helper()
	a := call{url: b.url + "/admin/v1/revocations?" + query, bearer: bearer}.do(t)
	a.want(t, "list "+query, 200, "")
	testenv.Must(t, json.Unmarshal([]byte(a.body), &l))
	return l
}

func TestListRevocations(t *testing.T) {
	b := start(t, withAdmins)
	if a := (call{url: b.url + "/admin/v1/revocations", bearer: b.admin}).do(t); a.body != `{"revocations":[]}` {
		t.Errorf("none: %s", a.body)
	}
	carol := b.login(t, "carol", "acme")
	for _, body := range []string{
		`{"scope":"user","id":"u-alice","reason":"lost"}`, `{"scope":"session","id":"` + carol.SessionID + `"}`,
		`{"scope":"user","id":"u-carol","tenant":"acme","mode":"refresh"}`, `{"scope":"tenant","id":"acme"}`, `{"scope":"all"}`,
	} {
		b.revoke(t, body).want(t, body, 200, "")
		for began := time.Now(); time.Since(began) < 2*time.Millisecond; { // the order is by the store's clock, in milliseconds
			runtime.Gosched()
		}
	}
	const whole = "all all, tenant acme, user u-carol, session SID, user u-alice"
	check := func(bearer, query, want string) listed {
		t.Helper()
		l := b.listed(t, bearer, query)
		if want = strings.ReplaceAll(want, "SID", carol.SessionID); l.String() != want {
			t.Errorf("%q: %q, want %q", query, l, want)
		}
		return l
	}
	l := check(b.admin, "", whole)
	r := l.Revocations[4]
	if r.RevocationID == "" || r.Tenant != "default" || r.Issuer != b.url || r.Mode != "end" || r.Reason != "lost" || r.Actor != "admin" ||
		time.Since(r.RevokedAt).Abs() > time.Minute || time.Until(r.ExpiresAt) < 20*time.Minute {
		t.Errorf("%+v", r)
	}
	if l.Revocations[2].Mode != "refresh" || l.Next != "" {
		t.Errorf("%+v", l)
	}
	check(reader, "scope=user", "user u-carol, user u-alice")
	check(b.admin, "tenant=acme", "tenant acme, user u-carol")
	check(b.admin, "tenant=acme&scope=tenant", "tenant acme")
	check(b.admin, "tenant=nobody", "")
	check(tenantAdmin, "", "tenant acme, user u-carol") // nor that everybody was logged out
	check(tenantAdmin, "tenant=acme", "tenant acme, user u-carol")
	var paged []string
	for next := ""; ; {
		l := b.listed(t, b.admin, "limit=2&after="+url.QueryEscape(next))
		paged = append(paged, l.String())
		if next = l.Next; next == "" {
			break
		}
	}
	if got := fmt.Sprintf("%q", paged); got != strings.ReplaceAll(`["all all, tenant acme" "user u-carol, session SID" "user u-alice"]`, "SID", carol.SessionID) {
		t.Errorf("paged: %s", got)
	}
	for _, r := range []struct {
		bearer, query string
		status        int
		code          string
	}{
		{"", "", 401, "unauthorized"}, {ender, "", 403, "forbidden"}, {tenantAdmin, "tenant=default", 403, "forbidden"},
		{b.admin, "scope=device", 400, "bad_request"}, {b.admin, "scope=galaxy", 400, "bad_request"},
		{b.admin, "limit=0", 400, "bad_request"}, {b.admin, "limit=1001", 400, "bad_request"}, {b.admin, "limit=x", 400, "bad_request"},
		{b.admin, "after=x", 400, "bad_request"}, {b.admin, "after=" + strings.Repeat("A", 300), 400, "bad_request"},
		{b.admin, "tenant=" + strings.Repeat("x", 513), 400, "bad_request"},
	} {
		call{url: b.url + "/admin/v1/revocations?" + r.query, bearer: r.bearer}.do(t).want(t, r.query, r.status, r.code)
	}
	b.store.Close()
	testenv.Eventually(t, patience, func() error {
		if a := (call{url: b.url + "/admin/v1/revocations", bearer: b.admin}).do(t); a.status != 503 || a.field(t, "code") != "unavailable" {
			return fmt.Errorf("without a store: %d %s", a.status, a.body)
		}
		return nil
	})
}
