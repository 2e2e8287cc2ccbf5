package api_test

import (
	"encoding/json"
	"testing"

	"github.com/curfew-auth/curfew/api"
)

func TestJSONIsTheSame(t *testing.T) {
	for name, d := range map[string]api.Document{"issuer": api.Issuer(), "edge": api.Edge()} {
		data, err := d.JSON()
		var v struct {
			OpenAPI string
			Info    struct{ Title string }
			Paths   map[string]any
		}
		if err != nil || json.Unmarshal(data, &v) != nil || v.OpenAPI != "3.1.0" || v.Info.Title != "Curfew "+name || len(v.Paths) == 0 {
			t.Errorf("%s: %v, %.100s", name, err, data)
		}
	}
}
