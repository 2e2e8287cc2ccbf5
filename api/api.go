// Package api holds what the two services promise over HTTP, as OpenAPI 3.1.
// The documents come first: the tests of both services fail when a route is
// missing in them or too much, and package contract holds real answers against
// them.
package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

var (
	//go:embed issuer.yaml
	issuer []byte
	//go:embed edge.yaml
	edge []byte
)

// A Document is one service's. Nobody may change the bytes.
type Document struct {
	YAML []byte
	// JSON is the same; it is made when it is first asked for.
	JSON func() ([]byte, error)
}

// Issuer is what the issuer promises.
func Issuer() Document { return Document{issuer, issuerJSON} }

// Edge is what the edge promises.
func Edge() Document { return Document{edge, edgeJSON} }

var (
	issuerJSON = sync.OnceValues(func() ([]byte, error) { return toJSON(issuer) })
	edgeJSON   = sync.OnceValues(func() ([]byte, error) { return toJSON(edge) })
)

func toJSON(text []byte) ([]byte, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return json.Marshal(v)
}
