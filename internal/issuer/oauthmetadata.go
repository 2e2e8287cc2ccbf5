package issuer

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// serverMetadata is RFC 8414 section 2. response_types_supported is mandatory
// there; it is empty, because there is no authorization endpoint.
type serverMetadata struct {
	Issuer                   string   `json:"issuer"`
	JWKSURI                  string   `json:"jwks_uri"`
	TokenEndpoint            string   `json:"token_endpoint"`
	TokenAuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	GrantTypes               []string `json:"grant_types_supported"`
	ResponseTypes            []string `json:"response_types_supported"`
	RevocationEndpoint       string   `json:"revocation_endpoint"`
	RevocationAuthMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionEndpoint    string   `json:"introspection_endpoint,omitempty"`
	IntrospectionAuthMethods []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
}

// metadata names no endpoint that does not exist here: with a listener of its
// own for admin calls, introspection is there, at an address of the operator's.
func (i *Issuer) metadata(c *fiber.Ctx) error {
	base := strings.TrimRight(i.config.IssuerURL, "/")
	m := serverMetadata{
		Issuer: i.config.IssuerURL, JWKSURI: base + "/.well-known/jwks.json",
		TokenEndpoint: base + "/oauth2/token", TokenAuthMethods: []string{"none"},
		GrantTypes: []string{refreshGrant}, ResponseTypes: []string{},
		RevocationEndpoint: base + "/oauth2/revoke", RevocationAuthMethods: []string{"none"},
	}
	if i.config.AdminListen == "" {
		m.IntrospectionEndpoint, m.IntrospectionAuthMethods = base+"/oauth2/introspect", []string{"Bearer"}
	}
	c.Set(fiber.HeaderCacheControl, "public, max-age=60")
	return c.JSON(m)
}
