package doctor

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// hs256 is the algorithm whose key is a secret, and published nowhere.
const hs256 = "HS256"

// part decodes one part of a token that was just issued to us. It verifies
// nothing.
func part(token string, n int, into any) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[n])
	return err == nil && json.Unmarshal(text, into) == nil
}

// keys compares the key of a new token with those that are published and
// those that edges trust.
func (x *exam) keys(token string) {
	var header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	if !part(token, 0, &header) || header.Algorithm == hs256 {
		return
	}
	if !slices.Contains(x.published, header.KeyID) {
		x.add("keys", "issuer", Failed, fmt.Sprintf("signs with the key %s, which is not published", header.KeyID),
			"let all issuers share one keys_dir")
		return
	}
	x.add("keys", "issuer", OK, fmt.Sprintf("signs with %s, and publishes it", header.KeyID), "")
	for _, e := range x.edges {
		if e.report != nil && len(e.report.KeyIDs) > 0 && !slices.Contains(e.report.KeyIDs, header.KeyID) {
			x.add("keys", e.label(), Failed,
				fmt.Sprintf("does not have the key %s that the issuer signs with, but %s", header.KeyID, strings.Join(e.report.KeyIDs, ", ")),
				"see its jwks_url: it must be this issuer's")
		}
	}
}

// publishedKeys are the kids of a JWK Set.
func publishedKeys(jwks []byte) (kids []string) {
	var set struct {
		Keys []struct {
			KeyID string `json:"kid"`
		} `json:"keys"`
	}
	if json.Unmarshal(jwks, &set) != nil {
		return nil
	}
	for _, k := range set.Keys {
		kids = append(kids, k.KeyID)
	}
	return kids
}
