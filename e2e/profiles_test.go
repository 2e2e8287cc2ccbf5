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

// TestOperations: what operators look at is where they ask for it, and nowhere else.
// Before an upstream it is nowhere unless they do.
func TestOperations(t *testing.T) {
	s, _, _ := newLonely(t)
	ports, err := port.FreeN(2)
	testenv.Must(t, err)
	api := newUpstream(t)
	own := func(n int) string { return "CURFEW_OPS_LISTEN=" + port.Loopback(ports[n]) }
	issuer, edge := s.issuer(t, 0, own(0)), s.edge(t, 0, own(1), "CURFEW_UPSTREAM="+api.URL)
	silent := s.edge(t, 1, "CURFEW_UPSTREAM="+api.URL)
	for n, w := range []*service{issuer, edge, silent} {
		testenv.Eventually(t, patience, func() error { return w.probe("/livez", http.StatusOK) })
		for _, path := range []string{"/metrics", "/openapi.json", "/statusz", "/debug/pprof/heap"} {
			if a := s.do(t, call{url: w.url + path}); a.status == http.StatusOK || strings.Contains(string(a.body), "curfew_") {
				t.Errorf("%s%s: %d in public", w.Name(), path, a.status)
			}
			if n == 2 || n == 0 && path == "/statusz" {
				continue
			}
			at := "https://" + port.Loopback(ports[n])
			testenv.Eventually(t, patience, func() error { _, err := send(call{url: at + "/livez"}); return err })
			if a := s.do(t, call{url: at + path}); a.status != http.StatusOK {
				t.Errorf("%s of %s: %d at ops_listen", path, w.Name(), a.status)
			}
		}
	}
	foreign := call{url: "https://" + port.Loopback(ports[1]) + "/debug/pprof/heap", header: http.Header{}}
	if status := s.asHost(t, foreign, "rebound.example"); status != http.StatusForbidden {
		t.Errorf("profiles for a page of another name: %d", status)
	}
	s.healthcheck(t, s.bin.Edge, edge, 1)
	if !strings.Contains(silent.Log(), "ops_listen") {
		t.Error("the log does not say where metrics are")
	}
}

// asHost sends a call under another name than that of the server.
func (s *setup) asHost(t *testing.T, c call, host string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, c.url, http.NoBody)
	testenv.Must(t, err)
	req.Host = host
	res, err := client.Do(req)
	testenv.Must(t, err)
	res.Body.Close()
	return res.StatusCode
}
