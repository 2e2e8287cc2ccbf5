package cli_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

// TestWait waits for the edges of a real cluster.
func TestWait(t *testing.T) {
	s := newShell(t)
	g := s.open("u-wait", "")
	s.run("revoke", "user", "u-wait", "--wait", "confirmed", "--timeout", "30s").exits(0).golden("revoke-confirmed")
	s.refuses(g.AccessToken, "token_revoked")
	r := jsonOf[apiclient.Receipt](s.run("revoke", "user", "u-wait", "--wait", "enforced", "-o", "json").exits(0))
	if !r.Enforced || r.Edges == nil || r.Edges.Expected != 2 {
		t.Errorf("receipt %+v", r)
	}
	s.login()
	s.run("logout", "--wait", "confirmed", "--timeout", "30s").exits(0).prints("2 of 2")
}

// TestUnconfirmed: which answer is which exit code.
func TestUnconfirmed(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct {
		wait, answer string
		code         int
		says         string
	}{
		{"confirmed", `"edges":{"expected":2,"confirmed":2,"missing":[]},"enforced":false`, 0, ""},
		{"confirmed", `"edges":{"expected":2,"confirmed":1,"missing":["edge-2"]},"enforced":false`, 3, "no word from edge-2"},
		{"confirmed", `"edges":{"expected":2,"confirmed":1,"missing":["edge-2"]},"enforced":true`, 0, ""},
		{"confirmed", `"edges":{"expected":2,"confirmed":1},"enforced":false`, 3, "1 of 2 edges"},
		{"confirmed", `"elapsed_ms":1`, 3, "does not say"},
		{"enforced", `"edges":{"expected":2,"confirmed":1,"missing":["edge-2"]},"enforced":true`, 0, ""},
		{"enforced", `"edges":{"expected":2,"confirmed":2,"missing":[]},"enforced":false`, 3, "2 of 2 edges"},
		{"enforced", `"edges":{"expected":1,"confirmed":0,"missing":["edge\u001b[2J"]},"enforced":false`, 3, "edge?[2J"},
		{"commit", `"elapsed_ms":1`, 0, ""},
	} {
		t.Run(c.wait+" "+c.answer, func(t *testing.T) {
			issuer := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.Query().Get("wait"); got != c.wait {
					t.Errorf("wait=%s", got)
				}
				fmt.Fprintf(w, `{"revocation_id":"r","scope":"user","id":"u","status":"committed","seq":1,%s}`, c.answer)
			})
			s.run("revoke", "user", "u", "--wait", c.wait, "--issuer", issuer).exits(c.code).says(c.says)
		})
	}
}
