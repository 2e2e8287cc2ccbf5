package doctor

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestEdgesThatGoByOtherBounds: the promise is about one bound.
func TestEdgesThatGoByOtherBounds(t *testing.T) {
	found := examineAll(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/admin/v1/edges" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"epoch":"e","seq":1,"staleness_ms":5000,"enforced_after_ms":60600,"edges":[
			{"id":"e-1","instance":"i","state":"fresh","epoch":"e","store":"vouched","staleness_ms":5000},
			{"id":"e-2","instance":"i","state":"fresh","epoch":"e","store":"vouched","staleness_ms":10000},
			{"id":"e-3","instance":"i","state":"fresh","epoch":"e","store":"vouched"},
			{"id":"e-4","instance":"i","state":"fresh","epoch":"e","store":"vouched","staleness_ms":5000,"doubt":true},
			{"id":"e-5","instance":"","state":"unreadable","fresh_age_ms":-1,"store":"unknown"}]}`)
	})
	for who, want := range map[string]string{
		"e-2": "has staleness 10s, the issuer 5s", "e-3": "does not tell its staleness",
		"e-4": "cannot read all of the log", "e-5": "cannot be read by this issuer",
	} {
		if !slices.ContainsFunc(found, func(f Finding) bool { return f.Who == who && f.Result == Warning && strings.Contains(f.Text, want) }) {
			t.Errorf("%s: no warning %q in %+v", who, want, found)
		}
	}
	if slices.ContainsFunc(found, func(f Finding) bool { return f.Who == "e-1" && f.Result == Warning }) {
		t.Errorf("a warning of an edge like the issuer: %+v", found)
	}
}
