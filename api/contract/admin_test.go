package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/curfew-auth/curfew/internal/testenv"
)

// revoke makes a revocation of a JSON body.
func (w *world) revoke(t *testing.T, to, query, body string, status int) {
	t.Helper()
	w.send(t, call{to: to, path: "/admin/v1/revocations" + query, bearer: w.admin, body: body}, status)
}

func (w *world) revocations(t *testing.T) {
	g := w.open(t, "u-erin")
	w.revoke(t, w.issuer, "", `{"scope":"user","id":"u-erin","dry_run":true}`, http.StatusOK)
	w.revoke(t, w.issuer, "", `{"scope":"user","id":"u-nobody","dry_run":true}`, http.StatusNotFound)
	w.revoke(t, w.issuer, "", `{"scope":"token","id":"`+g.Session+`"}`, http.StatusOK)
	w.revoke(t, w.issuer, "", `{"scope":"session","id":"`+g.Session+`","reason":"lost"}`, http.StatusOK)
	w.open(t, "u-erin")
	w.revoke(t, w.issuer, waiting, `{"scope":"device","id":"d-1","user":"u-erin"}`, http.StatusOK)
	w.revoke(t, w.issuer, "", `{"scope":"user","id":"u-erin","mode":"refresh"}`, http.StatusOK)
	w.revoke(t, w.issuer, waiting, `{"scope":"user","id":"u-erin"}`, http.StatusOK)
	w.revoke(t, w.issuer, "?wait=enforced&timeout=10ms", `{"scope":"tenant","id":"acme"}`, http.StatusOK)
	w.revoke(t, w.issuer, "", `{"scope":"key","id":"k-1"}`, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/admin/v1/revocations?scope=user&limit=1", bearer: w.reader}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/admin/v1/revocations", bearer: w.reader}, http.StatusOK)
}

func (w *world) admins(t *testing.T) {
	w.open(t, "u-frank")
	w.open(t, "u-frank")
	w.send(t, call{to: w.issuer, path: "/admin/v1/sessions", bearer: w.admin, body: `{"user_id":"u-frank"}`}, http.StatusConflict)
	w.send(t, call{to: w.issuer, path: "/admin/v1/users/u-frank/sessions", bearer: w.reader}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/admin/v1/edges", bearer: w.reader}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/admin/v1/audit?limit=1000", bearer: w.reader}, http.StatusOK)
	w.send(t, call{to: w.issuer, path: "/admin/v1/audit?kind=login&kind=admin&limit=1", bearer: w.reader}, http.StatusOK)
}

// strangeEdges report what no version of ours would.
func (w *world) strangeEdges(t *testing.T) {
	nc, err := nats.Connect(w.common.NATSURL)
	testenv.Must(t, err)
	defer nc.Close()
	for id, data := range map[string]string{
		"unreadable": "no JSON",
		"far~away":   "no id",
		"newer":      `{"id":"newer","instance":"i","version":"v\u00fc","state":"draining","check_mode":"paranoid","store":"far","kids":7,"staleness_ms":"5s"}`,
		"stateless":  `{"id":"stateless","instance":"i","check_mode":"stateless","state":"fresh","store":"down","doubt":true,"staleness_ms":5000}`,
	} {
		testenv.Must(t, nc.Publish("curfew.local.edge."+id, []byte(data)))
	}
	testenv.Must(t, nc.Flush())
	testenv.Eventually(t, patience, func() error {
		a := w.send(t, call{to: w.issuer, path: "/admin/v1/edges", bearer: w.reader}, http.StatusOK)
		for _, text := range []string{`"unreadable"`, `"(others)"`, `"newer"`, `"doubt":true`} {
			if !strings.Contains(string(a.body), text) {
				return fmt.Errorf("no %s in %s", text, a.body)
			}
		}
		return nil
	})
	w.revoke(t, w.issuer, "?wait=confirmed&timeout=500ms", `{"scope":"user","id":"u-erin"}`, http.StatusOK)
}

func (w *world) keys(t *testing.T) {
	w.send(t, call{to: w.issuer, path: "/admin/v1/keys", bearer: w.reader}, http.StatusOK)
	rotate := call{to: w.issuer, path: "/admin/v1/keys/rotate", bearer: w.rotator, body: `{"algorithm":"ES256"}`}
	w.send(t, rotate, http.StatusOK)
	w.send(t, rotate, http.StatusConflict)
	w.send(t, call{to: w.issuer, path: "/admin/v1/keys", bearer: w.reader}, http.StatusOK)
}

// events reads the stream from the trail's beginning up to a login, and holds
// its data to the schema by way of the search, which answers the same.
func (w *world) events(t *testing.T) {
	var page struct {
		Events []json.RawMessage
		End    string
	}
	a := w.send(t, call{to: w.issuer, path: "/admin/v1/audit", bearer: w.reader}, http.StatusOK)
	testenv.Must(t, json.Unmarshal(a.body, &page))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := call{to: w.issuer, path: "/admin/v1/events?after=" + page.End, bearer: w.reader}.request(t).WithContext(ctx)
	res, err := http.DefaultTransport.RoundTrip(req)
	testenv.Must(t, err)
	defer res.Body.Close()
	w.open(t, "u-grace")
	data := firstData(t, res.Body)
	res.Body = io.NopCloser(bytes.NewReader(nil))
	w.issuers.check(t, req, "", false, res)
	// The search answers the same events, and its answer has a schema.
	body := fmt.Sprintf(`{"events":[%s],"end":%q}`, data, page.End)
	search := call{to: w.issuer, path: "/admin/v1/audit", bearer: w.reader}.request(t)
	w.issuers.check(t, search, "", false, &http.Response{
		StatusCode: http.StatusOK, Header: a.header, Body: io.NopCloser(bytes.NewReader([]byte(body))),
	})
}
