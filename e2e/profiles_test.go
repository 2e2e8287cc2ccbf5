package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
	"github.com/curfew-auth/curfew/internal/testenv/port"
)

// TestProfiles: profiles are where they are asked for, and nowhere else.
func TestProfiles(t *testing.T) {
	s, _, _ := newLonely(t)
	at, err := port.Free()
	testenv.Must(t, err)
	e := s.edge(t, 0, "CURFEW_PPROF_LISTEN="+port.Loopback(at))
	heap := call{url: "http://" + port.Loopback(at) + "/debug/pprof/heap?debug=1"}
	testenv.Eventually(t, patience, func() error { return e.probe("/livez", http.StatusOK) })
	if a := s.do(t, heap); a.status != http.StatusOK || !strings.Contains(string(a.body), "heap profile") {
		t.Errorf("%d %.100s", a.status, a.body)
	}
	s.do(t, call{url: e.url + "/debug/pprof/heap"}).mustRefuse(t, http.StatusNotFound, "not_found")
}
