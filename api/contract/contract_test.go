package contract_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// unseen are the answers that the documents promise and no call here need bring
// about: what any call may meet.
func unseen(name string) bool { return strings.HasSuffix(name, " default") }

// TestAnswersAreDocumented makes the calls of the documents, and holds requests
// and answers against them.
func TestAnswersAreDocumented(t *testing.T) {
	w := newWorld(t)
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"user", w.user}, {"cookies", w.cookies}, {"login refused", w.loginRefused}, {"oauth", w.oauth},
		{"revocations", w.revocations}, {"admin", w.admins}, {"strange edges", w.strangeEdges}, {"events", w.events}, {"keys", w.keys},
		{"service", w.service}, {"refusals", w.refusals}, {"lost servers", w.lost}, {"edge", w.whoami}, {"doors", w.doors},
	} {
		t.Run(part.name, part.run)
	}
	for name, c := range map[string]*checker{"issuer": w.issuers, "edge": w.edges} {
		for _, answer := range c.promised() {
			if !c.seen[answer] && !unseen(answer) {
				t.Errorf("%s: %s is documented, and no call brought it about", name, answer)
			}
		}
	}
}

// An operation is one entry of a document.
type operation struct {
	method, path string
	responses    map[string]any
	json         bool // takes a JSON body
}

func (c *checker) operations() (out []operation) {
	for _, path := range c.paths {
		item := object(object(c.document["paths"])[path])
		for _, method := range slices.Sorted(maps.Keys(item)) {
			if op := object(item[method]); op["responses"] != nil {
				content := object(c.resolve(op["requestBody"])["content"])
				out = append(out, operation{
					strings.ToUpper(method), path, object(op["responses"]), content["application/json"] != nil,
				})
			}
		}
	}
	return out
}

// promised lists every answer of the document, as in seen.
func (c *checker) promised() (out []string) {
	for _, op := range c.operations() {
		for _, status := range slices.Sorted(maps.Keys(op.responses)) {
			out = append(out, op.method+" "+op.path+" "+status)
		}
	}
	return out
}

// service asks what only says something.
func (w *world) service(t *testing.T) {
	for _, to := range []string{w.issuer, w.edge} {
		for _, path := range []string{"/livez", "/readyz", "/metrics", "/openapi.json", "/openapi.yaml", "/.well-known/jwks.json"} {
			w.send(t, call{to: to, path: path}, http.StatusOK)
		}
	}
	w.send(t, call{to: w.issuer, path: "/.well-known/oauth-authorization-server"}, http.StatusOK)
	w.send(t, call{to: w.edge, path: "/statusz"}, http.StatusOK)
	w.send(t, call{to: w.young, path: "/statusz"}, http.StatusOK)
	w.send(t, call{to: w.lonely, path: "/readyz"}, http.StatusServiceUnavailable)
	w.send(t, call{to: w.young, path: "/readyz"}, http.StatusServiceUnavailable)
}
