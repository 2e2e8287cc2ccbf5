package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// countEach: a real request moves each counter that speaks of it, on the
// service that it was made to.
func countEach(t *testing.T, c *cluster) {
	i, e := c.issuers[0], c.edges[0]
	g := c.login(t, i, "alice")
	whoami := call{url: e.url + "/v1/whoami", bearer: g.AccessToken}
	for _, step := range []struct {
		at     *service
		series string
		do     func()
	}{
		{i, `curfew_logins_total{method="password"}`, func() { c.login(t, i, "alice") }},
		{i, `curfew_login_failures_total{reason="credentials"}`, func() {
			c.do(t, call{url: i.url + "/v1/login", body: `{"username":"alice","password":"wrong"}`})
		}},
		{i, `curfew_refreshes_total{result="rotated"}`, func() { c.refresh(t, i, g.RefreshToken, "alice") }},
		{i, `curfew_refreshes_total{result="retried"}`, func() { c.refresh(t, i, g.RefreshToken, "alice") }},
		{i, `curfew_refreshes_total{result="invalid"}`, func() { c.do(t, refreshCall(i, "cfr_nonsense")) }},
		{i, `curfew_refreshes_total{result="reused"}`, func() { c.reuse(t, i) }},
		{i, `curfew_refresh_suspicious_total{kind="reuse"}`, func() { c.reuse(t, i) }},
		{e, `curfew_decisions_total{result="allowed",source="local"}`, func() { c.do(t, whoami) }},
		{e, `curfew_decisions_total{result="malformed",source="token"}`, func() { c.do(t, call{url: e.url + "/v1/whoami", bearer: "x"}) }},
		{e, `curfew_decisions_total{result="invalid",source="token"}`, func() {
			c.do(t, call{url: e.url + "/v1/whoami", bearer: g.AccessToken[:len(g.AccessToken)-8] + "AAAAAAAA"})
		}},
		{e, `curfew_check_duration_seconds_count`, func() {
			for range 1000 { // of which one in 64 is measured
				c.do(t, whoami)
			}
		}},
		{e, `curfew_store_lookup_duration_seconds_count{result="vouched"}`, func() {}}, // its own look at the store
		{e, `curfew_propagation_seconds_count`, func() { c.logout(t, c.login(t, i, "alice")) }},
		{i, `curfew_revocations_total{scope="session",status="committed"}`, func() { c.logout(t, c.login(t, i, "alice")) }},
		{i, `curfew_revocation_duration_seconds_count`, func() { c.logout(t, g) }},
		{e, `curfew_decisions_total{result="revoked",source="local"}`, func() { c.mustRefuse(t, g) }},
	} {
		before := step.at.value(t, step.series)
		step.do()
		testenv.Eventually(t, patience, func() error {
			if now := step.at.value(t, step.series); now <= before {
				return fmt.Errorf("%s of %s: %v, was %v", step.series, step.at.Name(), now, before)
			}
			return nil
		})
	}
}

// reuse presents a refresh token that was used twice over.
func (c *cluster) reuse(t *testing.T, at *service) {
	t.Helper()
	first := c.login(t, at, "bob")
	second := c.refresh(t, at, first.RefreshToken, "bob")
	c.refresh(t, at, second.RefreshToken, "bob")
	c.do(t, refreshCall(at, first.RefreshToken)).mustRefuse(t, http.StatusUnauthorized, "refresh_reused")
}

// value is that of one series; 0 while there is none.
func (s *service) value(t *testing.T, series string) float64 {
	t.Helper()
	a, err := send(call{url: s.url + "/metrics"})
	if a.status != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("metrics of %s: %d", s.Name(), a.status))
	}
	testenv.Must(t, err)
	for line := range strings.Lines(string(a.body)) {
		if text, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			testenv.Must(t, err)
			return v
		}
	}
	return 0
}
