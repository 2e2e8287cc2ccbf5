package config_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/config"
)

const keycloak = `
trusted_issuers:
  - issuer: https://id.example.com/realms/acme
    audience: api
    max_lifetime: 15m
    types: [at+jwt, JWT, absent]
    claims: {tenant: org.id, roles: realm_access.roles, session: [a.b, c]}
  - issuer: urn:own
    jwks_url: https://own.example.com/keys?v=2
    audience: api
    max_lifetime: 1h
    algorithms: [RS256]
    claims: {roles: "https://own.example.com/roles"}
    default_tenant: acme
    clock_skew: 10s
    iat_optional: true
`

func TestTrustedIssuers(t *testing.T) {
	want := config.TrustedIssuers{{
		Issuer: "https://id.example.com/realms/acme", Audience: "api", MaxLifetime: 15 * time.Minute,
		Types: []string{"at+jwt", "JWT", "absent"},
		Claims: config.ClaimNames{
			Tenant: config.ClaimPath{"org", "id"}, Roles: config.ClaimPath{"realm_access", "roles"}, Session: config.ClaimPath{"a.b", "c"},
		},
	}, {
		Issuer: "urn:own", JWKSURL: "https://own.example.com/keys?v=2", Audience: "api", MaxLifetime: time.Hour,
		Algorithms: []string{"RS256"}, Claims: config.ClaimNames{Roles: config.ClaimPath{"https://own.example.com/roles"}},
		DefaultTenant: "acme", ClockSkew: 10 * time.Second, IATOptional: true,
	}}
	file := write(t, "c.yaml", keycloak)
	var e config.Edge
	if err := run(t, &e, []string{"--config", file}, nil); err != nil || !reflect.DeepEqual(e.TrustedIssuers, want) {
		t.Errorf("edge: %+v, %v", e.TrustedIssuers, err)
	}
	var i config.Issuer
	if err := run(t, &i, []string{"--config", file}, issuerEnv(t)); err != nil || !reflect.DeepEqual(i.TrustedIssuers, want) {
		t.Errorf("issuer: %+v, %v", i.TrustedIssuers, err)
	}
	// The issuer needs no more than this, and not the audience.
	flow := `[{"issuer":"https://id.example.com","max_lifetime":"5m"}]`
	if err := run(t, &i, nil, issuerEnv(t, "CURFEW_TRUSTED_ISSUERS="+flow)); err != nil || len(i.TrustedIssuers) != 1 {
		t.Errorf("issuer, environment: %+v, %v", i.TrustedIssuers, err)
	}
	if got := want[0].HeaderTypes(); !reflect.DeepEqual(got, []string{"at+jwt", "JWT", ""}) {
		t.Errorf("types %q", got)
	}
	if a, b, c := want[0].Tenant(), want[1].Tenant(), (config.TrustedIssuer{}).Tenant(); a != "" || b != "acme" || c != "default" {
		t.Errorf("tenants %q %q %q", a, b, c)
	}
}

func TestBadTrustedIssuers(t *testing.T) {
	good := "issuer: https://x.example, audience: api, max_lifetime: 5m"
	for text, want := range map[string]string{
		"x":                               "want a list",
		"[{who: x}]":                      "want a list",
		"[{" + good + "}]\n---\n[]":       "want one list",
		"[{" + good + "},{" + good + "}]": "entry 2: issuer: given twice",
		"[{issuer: 'http://localhost:8080', audience: api, max_lifetime: 5m}]": "our own issuer_url",
		"[{audience: api, max_lifetime: 5m}]":                                  "entry 1: issuer: want 1 to 512",
		"[{issuer: 'a b', audience: api, max_lifetime: 5m}]":                   "entry 1: issuer: want 1 to 512",
		"[{issuer: 'urn:x', audience: api, max_lifetime: 5m}]":                 "entry 1: issuer: want a URL",
		"[{issuer: 'https://x.example', max_lifetime: 5m}]":                    "entry 1: audience: want",
		"[{issuer: 'https://x.example', audience: api}]":                       "entry 1: max_lifetime: want 1m0s to",
		"[{issuer: 'https://x.example', audience: api, max_lifetime: 721h}]":   "entry 1: max_lifetime",
		"[{" + good + ", jwks_url: 'ftp://x'}]":                                "entry 1: jwks_url: want a URL",
		"[{" + good + ", jwks_url: 'https://u:p@x'}]":                          "entry 1: jwks_url: must not hold",
		"[{" + good + ", algorithms: [HS256]}]":                                "entry 1: algorithms: want RS256",
		"[{" + good + ", algorithms: [none]}]":                                 "entry 1: algorithms: want RS256",
		"[{" + good + ", types: ['a b']}]":                                     "entry 1: types: want",
		"[{" + good + ", clock_skew: 6m}]":                                     "entry 1: clock_skew: want",
		"[{" + good + ", claims: {roles: a..b}}]":                              "entry 1: claims: want names",
		"[{" + good + ", claims: {roles: [a, b, c, d, e, f, g, h, i]}}]":       "at most 8 names",
		"[{" + good + ", claims: {who: a}}]":                                   "want a list",
	} {
		var got config.Edge
		err := run(t, &got, nil, []string{"CURFEW_TRUSTED_ISSUERS=" + text})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p@") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What the documentation shows can be used as it stands.
func TestDocumentedTrustedIssuers(t *testing.T) {
	for _, page := range []string{"foreign-tokens.md", "configuration.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			if !strings.HasPrefix(block, "trusted_issuers:") {
				continue
			}
			found++
			var got config.Edge
			if err := run(t, &got, []string{"--config", write(t, "c.yaml", block)}, nil); err != nil || len(got.TrustedIssuers) != 1 {
				t.Errorf("%s: %v in\n%s", page, err, block)
			}
		}
		if found == 0 {
			t.Errorf("%s shows none", page)
		}
	}
}
