package e2e_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/testenv"
)

const (
	// shortGrace can be waited for. A hundred refreshes at once must fit in.
	shortGrace = 8 * time.Second
	lockAfter  = 5 // wrong passwords
)

// TestPolicies runs what needs other settings than TestCluster's: a grace that
// ends, one session per kind of device, and accounts that lock.
func TestPolicies(t *testing.T) {
	c := startStrictCluster(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *cluster)
	}{
		{"a hundred refreshes", refreshAtOnce},
		{"one session per kind", keepOnePerKind},
		{"tenants are apart", keepTenantsApart},
		{"lockouts are apart", lockTenantsApart},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, c) })
	}
}

func startStrictCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{setup: newSetup(t)}
	c.startServers(t)
	c.addTwin(t)
	for n := range 2 {
		c.issuers = append(c.issuers, c.start(t, fmt.Sprint("issuer-", n+1), c.bin.Issuer, c.ports[n],
			"CURFEW_KEYS_DIR="+c.keysDir(), "CURFEW_USERS_FILE="+c.usersFile(), "CURFEW_ADMIN_TOKEN_FILE="+c.adminFile(),
			"CURFEW_REFRESH_GRACE="+shortGrace.String(), "CURFEW_SESSION_LIMIT_PER_KIND=1",
			fmt.Sprint("CURFEW_LOGIN_LOCK_THRESHOLD=", lockAfter), "CURFEW_LOGIN_IP_LIMIT=0"))
	}
	for n := range 3 {
		c.edges = append(c.edges, c.edge(t, n))
	}
	for _, s := range c.services() {
		s.awaitReady(t)
	}
	return c
}

// twin is the tenant in which there is another alice: of the same name and the
// same user id, with another password.
const twin = "umbrella"

func (s *setup) addTwin(t *testing.T) {
	t.Helper()
	s.passwords["alice@"+twin] = rand.Text()
	f, err := os.OpenFile(s.usersFile(), os.O_APPEND|os.O_WRONLY, 0)
	testenv.Must(t, err)
	_, err = f.WriteString(s.userLine(t, "alice", twin, s.passwords["alice@"+twin]))
	testenv.Must(t, err)
	testenv.Must(t, f.Close())
}

// signIn signs somebody in, name or name@tenant, from a kind of device.
func (c *cluster) signIn(t *testing.T, at *service, who, kind string) grant {
	t.Helper()
	name, _, _ := strings.Cut(who, "@")
	return c.granted(t, c.do(t, c.loginCall(at, who, c.passwords[who], kind)), name)
}

func (c *cluster) loginCall(at *service, who, password, kind string) call {
	name, tenant, _ := strings.Cut(who, "@")
	return call{url: at.url + "/v1/login", body: toJSON(map[string]any{
		"username": name, "password": password, "tenant": tenant, "device": map[string]string{"id": "d-" + kind, "kind": kind},
	})}
}

// mustList checks whose sessions somebody sees, in no order.
func (c *cluster) mustList(t *testing.T, g grant, want ...grant) {
	t.Helper()
	for _, i := range c.issuers {
		list := decode[sessionList](t, c.do(t, call{url: i.url + "/v1/sessions", bearer: g.AccessToken}))
		mustBe(t, list, want...)
	}
}

func mustBe(t *testing.T, list sessionList, want ...grant) {
	t.Helper()
	var got, wanted []string
	for _, s := range list.Sessions {
		got = append(got, s.SessionID)
	}
	for _, w := range want {
		wanted = append(wanted, w.SessionID)
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("listed %v, want %v", got, wanted)
	}
}

// mustBeOver checks that no issuer refreshes any more.
func (c *cluster) mustBeOver(t *testing.T, g grant) {
	t.Helper()
	for _, i := range c.issuers {
		c.do(t, refreshCall(i, g.RefreshToken)).mustRefuse(t, http.StatusUnauthorized, "session_ended")
	}
}
