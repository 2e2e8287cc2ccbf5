package up

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON prints one line for programs.
func (c *Cluster) WriteJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(struct {
		Issuer     string   `json:"issuer"`
		Edges      []string `json:"edges"`
		AdminToken string   `json:"admin_token"`
		Users      []User   `json:"users"`
		NATSURL    string   `json:"nats_url"`
		RedisURL   string   `json:"redis_url"`
	}{c.IssuerURL, c.EdgeURLs, c.AdminToken, c.Users, c.NATSURL, c.RedisURL})
}

// WriteBanner tells a person what runs and what to try.
func (c *Cluster) WriteBanner(w io.Writer) error {
	u, edge := c.Users[0], c.EdgeURLs[0]
	_, err := fmt.Fprintf(w, `Curfew is up. Everything lives in this process and is gone with it.

  issuer       %s
`, c.IssuerURL)
	for n, url := range c.EdgeURLs {
		if err == nil {
			_, err = fmt.Fprintf(w, "  edge-%-8d%s\n", n+1, url)
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
  login        %s / %s
  admin token  %s
               (keys, users and the admin token were made for this run)

Log in, call an edge, log out, and call it again:

  TOKEN=$(curl -s %s/v1/login -H 'Content-Type: application/json' -d '{"username":"%s","password":"%s"}' | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i %s/v1/whoami -H "Authorization: Bearer $TOKEN"
  curl -i -X POST %s/v1/logout -H "Authorization: Bearer $TOKEN"

For bin/curfew (docs/cli.md), and for an edge or a guard of your own (docs/guard.md):

  export CURFEW_ISSUER_URL=%s CURFEW_ADMIN_TOKEN=%s
  export CURFEW_NATS_URL=%s CURFEW_REDIS_URL=%s

Ctrl-C stops it.
`, u.Username, u.Password, c.AdminToken, c.IssuerURL, u.Username, u.Password, edge, c.IssuerURL,
		c.IssuerURL, c.AdminToken, c.NATSURL, c.RedisURL)
	return err
}
