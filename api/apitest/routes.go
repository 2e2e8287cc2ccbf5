// Package apitest compares what a service serves with what its document says.
package apitest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/curfew-auth/curfew/api"
)

// CheckRoutes fails if a route of app is missing in the document, or the other
// way round. HEAD goes without saying where GET does, and CONNECT cannot be
// said.
func CheckRoutes(t *testing.T, app *fiber.App, d api.Document) {
	t.Helper()
	served := map[string]bool{}
	for _, r := range app.GetRoutes(true) {
		if r.Method != http.MethodHead && r.Method != http.MethodConnect {
			served[r.Method+" "+template(r.Path)] = true
		}
	}
	said := documented(t, d)
	for _, route := range slices.Sorted(maps.Keys(served)) {
		if !said[route] {
			t.Errorf("%s is served, and the document does not know it", route)
		}
	}
	for _, route := range slices.Sorted(maps.Keys(said)) {
		if !served[route] && !strings.HasPrefix(route, http.MethodHead+" ") {
			t.Errorf("%s is in the document, and not served", route)
		}
	}
}

// template is a route's path in the document's form.
func template(path string) string {
	parts := strings.Split(path, "/")
	for n, part := range parts {
		switch {
		case part == "*":
			parts[n] = "{path}"
		case strings.HasPrefix(part, ":"):
			parts[n] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

func documented(t *testing.T, d api.Document) map[string]bool {
	t.Helper()
	data, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for path, item := range document.Paths {
		for method := range item {
			if method != "parameters" && method != "description" {
				said[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	return said
}
