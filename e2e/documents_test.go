package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/curfew-auth/curfew/internal/testenv"
)

type status struct {
	ID         string `json:"id"`
	State      string `json:"state"`
	Epoch      string `json:"epoch"`
	AppliedSeq uint64 `json:"applied_seq"`
	FreshAgeMS *int64 `json:"fresh_age_ms"`
	Staleness  int64  `json:"staleness_ms"`
	Doubt      *bool  `json:"doubt"`
	Entries    int    `json:"entries"`
	Overflowed int    `json:"overflowed"`
	Store      string `json:"store"`
}

// fresh is nil when an edge can answer from memory and could from the store.
func (s *service) fresh() (st status, err error) {
	a, err := send(call{url: s.url + "/statusz"})
	if err != nil {
		return st, err
	}
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&st); err != nil {
		return st, err
	}
	if st.State != "fresh" || st.Store != "vouched" {
		return st, fmt.Errorf("%s is %s", s.Name(), a.body)
	}
	return st, nil
}

// publishDocuments: keys, metadata, and what edges say of themselves.
func publishDocuments(t *testing.T, c *cluster) {
	epochs := map[string]bool{}
	for _, e := range c.edges {
		var st status
		testenv.Eventually(t, patience, func() (err error) { st, err = e.fresh(); return err })
		if st.ID != e.Name() || st.Epoch == "" || st.AppliedSeq == 0 || st.Entries == 0 || st.FreshAgeMS == nil ||
			st.Staleness != staleness.Milliseconds() || st.Doubt == nil || *st.Doubt || *st.FreshAgeMS < 0 || *st.FreshAgeMS > staleness.Milliseconds() {
			t.Errorf("%s says %+v", e.Name(), st)
		}
		epochs[st.Epoch] = true
	}
	if len(epochs) != 1 {
		t.Errorf("edges of one log in epochs %v", epochs)
	}
	var keys []string
	for _, i := range c.issuers {
		keys = append(keys, string(checkKeys(t, c, i)))
		meta := decode[map[string]any](t, c.do(t, call{url: i.url + "/.well-known/oauth-authorization-server"}))
		if meta["issuer"] != c.issuerURL() || meta["jwks_uri"] != c.issuerURL()+"/.well-known/jwks.json" {
			t.Errorf("%s says %v", i.Name(), meta)
		}
		for _, mandatory := range []string{"response_types_supported"} { // RFC 8414 section 2
			if _, there := meta[mandatory]; !there {
				t.Errorf("no %s in the metadata of %s", mandatory, i.Name())
			}
		}
	}
	if keys[0] != keys[1] {
		t.Errorf("issuers that share a directory publish different keys: %s", keys)
	}
}

func checkKeys(t *testing.T, c *cluster, i *service) []byte {
	t.Helper()
	a := c.do(t, call{url: i.url + "/.well-known/jwks.json"})
	set := decode[struct{ Keys []map[string]any }](t, a)
	if len(set.Keys) != 1 {
		t.Fatalf("JWKS of %s: %s", i.Name(), a.body)
	}
	key := set.Keys[0]
	if key["kty"] != "OKP" || key["crv"] != "Ed25519" || key["alg"] != "EdDSA" || key["use"] != "sig" || key["kid"] == "" || key["x"] == "" {
		t.Errorf("key of %s: %v", i.Name(), key)
	}
	if _, private := key["d"]; private {
		t.Errorf("%s publishes its private key", i.Name())
	}
	return a.body
}
