package token

import (
	"encoding/json"

	"github.com/golang-jwt/jwt/v5"
)

// wireClaims is the JSON form of Claims. Dates are read into fields of their
// own: those of package jwt accept strings.
type wireClaims struct {
	jwt.RegisteredClaims
	expires, issued, notBefore date

	ClientID       string   `json:"client_id,omitempty"`
	SessionID      string   `json:"sid"`
	IssuedAtMillis int64    `json:"iat_ms"`
	Tenant         string   `json:"tid"`
	Device         string   `json:"did,omitempty"`
	Roles          []string `json:"roles,omitempty"`
	Scope          string   `json:"scope,omitempty"`
	Region         string   `json:"rgn,omitempty"`
}

// field is where the claim of that exact name goes. A switch and not struct
// tags, because encoding/json would also take "ISS" for "iss".
func (w *wireClaims) field(name string) any {
	switch name {
	case "iss":
		return &w.Issuer
	case "sub":
		return &w.Subject
	case "aud":
		return &w.Audience
	case "exp":
		return &w.expires
	case "nbf":
		return &w.notBefore
	case "iat":
		return &w.issued
	case "jti":
		return &w.ID
	}
	return w.ownField(name)
}

func (w *wireClaims) ownField(name string) any {
	switch name {
	case "client_id":
		return &w.ClientID
	case "sid":
		return &w.SessionID
	case "iat_ms":
		return &w.IssuedAtMillis
	case "tid":
		return &w.Tenant
	case "did":
		return &w.Device
	case "roles":
		return (*texts)(&w.Roles)
	case "scope":
		return &w.Scope
	case "rgn":
		return &w.Region
	}
	return ignored{} // newer issuers may add claims
}

func (w *wireClaims) claims() Claims {
	return Claims{
		Issuer: w.Issuer, Subject: w.Subject, ClientID: w.ClientID, ID: w.ID,
		SessionID: w.SessionID, Tenant: w.Tenant, Device: w.Device,
		Scope: w.Scope, Region: w.Region,
		Audience: w.Audience, Roles: w.Roles,
		IssuedAt: w.issued.Time, ExpiresAt: w.expires.Time,
		IssuedAtMillis: w.IssuedAtMillis,
	}
}

func wireOf(c *Claims) wireClaims {
	return wireClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, ID: c.ID,
			IssuedAt: jwt.NewNumericDate(c.IssuedAt), ExpiresAt: jwt.NewNumericDate(c.ExpiresAt),
		},
		ClientID: c.ClientID, SessionID: c.SessionID, IssuedAtMillis: c.IssuedAtMillis,
		Tenant: c.Tenant, Device: c.Device, Roles: c.Roles, Scope: c.Scope, Region: c.Region,
	}
}

// texts is a list of strings. Unlike []string it does not take null for one.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var list []*string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*t = make(texts, 0, len(list))
	for _, s := range list {
		if s == nil {
			return errType
		}
		*t = append(*t, *s)
	}
	return nil
}
