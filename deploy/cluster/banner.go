package main

import (
	"fmt"
	"io"
)

// banner tells a person where everything is and what to try.
func (c *cluster) banner(w io.Writer) {
	fmt.Fprintln(w, "Curfew is up. Ctrl-C stops everything and deletes its data.")
	fmt.Fprintln(w)
	for _, m := range append(append([]*member{}, c.issuers...), c.edges...) {
		fmt.Fprintf(w, "  %-10s %s\n", m.Name(), m.url)
	}
	fmt.Fprintf(w, "  %-10s %s\n", "nats", c.nats.URL())
	fmt.Fprintf(w, "  %-10s %s\n", "redis", c.redis.Addr())
	fmt.Fprintf(w, "  %-10s %s\n\n", "logs", c.dir)
	fmt.Fprintf(w, "  login        %s / %s\n", c.creds.username, c.creds.password)
	fmt.Fprintf(w, "  admin token  %s\n\n", c.creds.adminToken)
	issuer, other, edge := c.issuers[0].url, c.issuers[len(c.issuers)-1].url, c.edges[0].url
	fmt.Fprintf(w, `Log in, and note the access_token:
  curl -s %s/v1/login -H 'Content-Type: application/json' -d '{"username":%q,"password":%q}'
Call an edge:
  curl -s %s/v1/whoami -H "Authorization: Bearer $TOKEN"
Log out on the other issuer, and call the edge again:
  curl -s -X POST %s/v1/logout -H "Authorization: Bearer $TOKEN"
`, issuer, c.creds.username, c.creds.password, edge, other)
}
