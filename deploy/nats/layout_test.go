package nats_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/testenv"
)

// Whatever Curfew does over NATS, it does under the shipped accounts.
func TestEverythingWorksUnderTheAccounts(t *testing.T) {
	w := newWorld(t)
	one, two := w.login(), w.login()
	w.decides(w.edge, one, http.StatusOK)

	status, body := w.call(http.MethodPost, w.issuer+"/v1/logout?wait=confirmed&timeout=60s", one, "")
	if edges, ok := body["edges"].(map[string]any); status != http.StatusOK || !ok || edges["confirmed"] != 1.0 {
		t.Fatalf("logout: %d %v", status, body)
	}
	if status, body := w.call(http.MethodGet, w.edge+"/v1/whoami", one, ""); status != http.StatusUnauthorized {
		t.Fatalf("at once: %d %v", status, body)
	}
	w.decides(w.edge, two, http.StatusOK)

	// The list of edges, the trail, and what a cutoff ends.
	testenv.Eventually(t, patience, func() error {
		status, body := w.call(http.MethodGet, w.issuer+"/admin/v1/edges", admin, "")
		if edges, _ := body["edges"].([]any); status != http.StatusOK || len(edges) != 1 {
			return fmt.Errorf("edges: %d %v", status, body)
		}
		return nil
	})
	testenv.Eventually(t, patience, func() error {
		status, body := w.call(http.MethodGet, w.issuer+"/admin/v1/audit?kind=logout", admin, "")
		if found, _ := body["events"].([]any); status != http.StatusOK || len(found) != 1 {
			return fmt.Errorf("audit: %d %v", status, body)
		}
		return nil
	})
	status, body = w.call(http.MethodPost, w.issuer+"/admin/v1/revocations?wait=enforced&timeout=60s", admin, `{"scope":"user","id":"u-alice"}`)
	if status != http.StatusOK || body["enforced"] != true {
		t.Fatalf("revoke the user: %d %v", status, body)
	}
	w.decides(w.edge, two, http.StatusUnauthorized)
}

// An edge with a user of its own hears and answers below a prefix of its own.
func TestInboxOfItsOwn(t *testing.T) {
	edge := strings.Index(nats.Accounts, "user: edge,")
	own := strings.Replace(nats.Accounts[edge:], `"_INBOX.>"`, `"_INBOX_edge-1.>"`, 1)
	own = strings.Replace(own, `"curfew.local.edge.*"`, `"curfew.local.edge.edge-1"`, 1)
	w := newWorldOn(t, nats.Accounts[:edge]+own, "_INBOX_edge-1")
	access := w.login()
	w.decides(w.edge, access, http.StatusOK)
	status, body := w.call(http.MethodPost, w.issuer+"/v1/logout?wait=confirmed&timeout=60s", access, "")
	if edges, ok := body["edges"].(map[string]any); status != http.StatusOK || !ok || edges["confirmed"] != 1.0 {
		t.Fatalf("logout: %d %v", status, body)
	}
	w.decides(w.edge, access, http.StatusUnauthorized)
}

// What a log and a store have both lost, edges offer.
func TestThirdCopyUnderTheAccounts(t *testing.T) {
	w := newWorld(t)
	access := w.login()
	w.decides(w.edge, access, http.StatusOK)
	if status, body := w.call(http.MethodPost, w.issuer+"/v1/logout?wait=confirmed&timeout=60s", access, ""); status != http.StatusOK {
		t.Fatalf("logout: %d %v", status, body)
	}
	w.loseBoth()
	late := w.startEdge("edge-2")
	w.decides(late, access, http.StatusUnauthorized)
}

// loseBoth has the log and the store lose everything at once.
func (w *world) loseBoth() {
	t := w.t
	t.Helper()
	operator := w.dial("admin")
	w.flush()
	if got := request(operator, "JS.API.STREAM.PURGE.CURFEW_local", ""); got == "" {
		t.Fatal("the operator cannot purge")
	}
	testenv.Eventually(t, patience, func() error { // it has noticed, and is whole again
		if status, body := w.call(http.MethodGet, w.issuer+"/readyz", "", ""); status != http.StatusOK {
			return fmt.Errorf("%d %v", status, body)
		}
		if got := w.revocations(operator); got == 0 {
			return fmt.Errorf("nothing in the log yet")
		}
		return nil
	})
}
