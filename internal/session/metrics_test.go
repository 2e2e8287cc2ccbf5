package session_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/curfew-auth/curfew/internal/session"
)

// metered returns an issuer of the bench's store, and what it has counted of a
// metric since it was made, by label.
func (b *bench) metered(rules session.Config) (*session.Service, func(t *testing.T, name string) map[string]float64) {
	registry, parts := prometheus.NewRegistry(), b.parts
	parts.Metrics = session.NewMetrics(registry)
	return session.NewService(parts, rules), func(t *testing.T, name string) map[string]float64 {
		t.Helper()
		families, err := registry.Gather()
		must(t, err)
		counted := map[string]float64{}
		for _, f := range families {
			if f.GetName() != name {
				continue
			}
			for _, m := range f.GetMetric() {
				label := ""
				for _, l := range m.GetLabel() {
					label += l.GetValue()
				}
				if n := m.GetCounter().GetValue(); n != 0 {
					counted[label] = n
				}
			}
		}
		return counted
	}
}

func TestRefreshesAreCountedByResult(t *testing.T) {
	b := newBench(t)
	rules := config()
	rules.BindDevice = true
	s, counted := b.metered(rules)
	g, err := loginOn(t, s, "web")
	must(t, err)
	refresh := func(raw, device string, want error) string {
		t.Helper()
		next, err := s.Refresh(t.Context(), raw, session.Caller{DeviceID: device})
		wantError(t, "refresh", err, want)
		return next.RefreshToken
	}
	second := refresh(g.RefreshToken, "d-web", nil)
	refresh(g.RefreshToken, "d-web", nil)
	third := refresh(second, "d-web", nil)
	refresh("cfr_x", "d-web", session.ErrRefreshInvalid)
	refresh(third, "d-other", session.ErrWrongDevice)
	refresh(g.RefreshToken, "d-web", session.ErrRefreshReused)
	refresh(third, "d-web", session.ErrEnded)
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Refresh(hungUp, third, session.Caller{DeviceID: "d-web"})
	wantError(t, "without the store", err, session.ErrUnavailable)
	for name, want := range map[string]map[string]float64{
		"curfew_refreshes_total":          {"rotated": 2, "retried": 1, "invalid": 1, "device_mismatch": 1, "reused": 1, "ended": 1, "unavailable": 1},
		"curfew_refresh_suspicious_total": {"device_mismatch": 1, "reuse": 1},
		"curfew_logins_total":             {"password": 1},
	} {
		if got := counted(t, name); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestEvictionsAreCounted(t *testing.T) {
	b := newBench(t)
	rules := config()
	rules.Limit = session.Limit{Total: 1}
	s, counted := b.metered(rules)
	for range 3 {
		_, err := loginOn(t, s, "web")
		must(t, err)
	}
	if got := fmt.Sprint(counted(t, "curfew_sessions_evicted_total")); got != "map[:2]" {
		t.Errorf("%s, want 2", got)
	}
}

func TestRefusedLoginsAreCounted(t *testing.T) {
	b := newBench(t)
	rules := config()
	rules.Login = fiveFailures()
	s, counted := b.metered(rules)
	for range 5 {
		wantError(t, "wrong", try(t, s, "alice", "wrong", ""), session.ErrInvalidCredentials)
	}
	wantError(t, "locked", try(t, s, "alice", password, ""), session.ErrLocked)
	if got := counted(t, "curfew_login_failures_total"); !maps.Equal(got, map[string]float64{"credentials": 5, "locked": 1}) {
		t.Errorf("refused: %v", got)
	}
	if got := fmt.Sprint(counted(t, "curfew_login_lockouts_total")); got != "map[:1]" {
		t.Errorf("%s, want one lock", got)
	}
}
