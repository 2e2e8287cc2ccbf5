package contract_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// at is a real path for one of the document.
func at(path string) string {
	return strings.NewReplacer("{id}", "x", "{path}", "x").Replace(path)
}

// crossSite is what a browser sends for a page of another site.
func crossSite(cookie string) http.Header {
	return http.Header{"Cookie": {cookie}, "Sec-Fetch-Site": {"cross-site"}}
}

// refusals asks every call of the issuer for what it refuses in the same way as
// others.
func (w *world) refusals(t *testing.T) {
	for _, op := range w.issuers.operations() {
		w.refuseBodies(t, op)
		w.refuseCallers(t, op)
		if op.responses["400"] != nil {
			w.send(t, w.malformed(t, op), http.StatusBadRequest)
		}
	}
}

func (op operation) admin() bool {
	return strings.HasPrefix(op.path, "/admin/") || op.path == "/oauth2/introspect"
}

func (w *world) call(op operation) call {
	c := call{to: w.issuer, method: op.method, path: at(op.path), bad: true}
	if op.admin() {
		c.bearer = w.admin
	}
	return c
}

func (w *world) refuseBodies(t *testing.T, op operation) {
	if !op.json {
		return
	}
	c := w.call(op)
	c.body, c.header = "x", http.Header{"Content-Type": {"text/plain"}}
	w.send(t, c, http.StatusUnsupportedMediaType)
	c.body, c.header = `{"x":"`+strings.Repeat("x", 65<<10)+`"}`, nil
	w.send(t, c, http.StatusRequestEntityTooLarge)
}

func (w *world) refuseCallers(t *testing.T, op operation) {
	c := w.call(op)
	c.bearer = ""
	switch {
	case op.responses["401"] == nil || op.path == "/v1/login" || op.path == "/v1/refresh":
	default:
		w.send(t, c, http.StatusUnauthorized)
	}
	switch {
	case op.responses["403"] == nil:
		return
	case !op.admin():
		c.header = crossSite("__Host-curfew-access=x")
	case op.path == "/admin/v1/keys/rotate":
		c.bearer = w.reader
	default:
		c.bearer = w.rotator
	}
	w.send(t, c, http.StatusForbidden)
}

// malformed is a call that cannot be understood.
func (w *world) malformed(t *testing.T, op operation) call {
	c := w.call(op)
	switch {
	case strings.HasPrefix(op.path, "/oauth2/"):
		c.body, c.header = "x=y", form()
	case op.json:
		c.body = `{"nobody":1}`
	case strings.HasSuffix(op.path, "/{id}/sessions"):
		c.path = strings.Replace(op.path, "{id}", strings.Repeat("x", 513), 1)
	case op.method == http.MethodGet:
		c.path += "?limit=0"
	default:
		c.path, c.bearer = c.path+"?wait=forever", w.open(t, "u-"+op.method).Access
	}
	return c
}

// firstData is the data of a stream's first event.
func firstData(t *testing.T, stream io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
			return data
		}
	}
	t.Fatal("the stream ended without an event: ", lines.Err())
	return ""
}
