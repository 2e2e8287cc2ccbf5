package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/devcerts"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/port"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
	"github.com/curfew-auth/curfew/internal/tlsfiles"
)

// A member is one issuer or edge.
type member struct {
	*proc.Process
	url string
}

func (c *cluster) startMembers(ctx context.Context, o options) error {
	issuers, err := parsePorts(o.issuers)
	if err != nil {
		return err
	}
	edges, err := parsePorts(o.edges)
	if err != nil {
		return err
	}
	iss := c.url(issuers[0])
	for i, p := range issuers {
		if err := c.add(&c.issuers, o.bin, "issuer", i+1, p, c.issuerEnv(iss)); err != nil {
			return err
		}
	}
	for i, p := range edges {
		if err := c.add(&c.edges, o.bin, "edge", i+1, p, c.edgeEnv(iss, i+1, p)); err != nil {
			return err
		}
	}
	return c.awaitMembers(ctx)
}

// sharedEnv: the issuers share one iss, since either may have made a token.
func (c *cluster) sharedEnv(user, iss string) []string {
	env := []string{
		"CURFEW_NATS_URL=" + c.natsAs(user),
		"CURFEW_NATS_JS_PREFIX=" + nats.JSPrefix,
		"CURFEW_REDIS_URL=" + c.redis.URL(),
		"CURFEW_ISSUER_URL=" + iss,
		"CURFEW_DRAIN_DELAY=0s", // no load balancer
	}
	if c.certs != "" {
		env = append(env, devcerts.Settings(c.certs, user)...)
	}
	return env
}

// url is where a service on this machine is.
func (c *cluster) url(listen int) string {
	scheme := "http"
	if c.certs != "" {
		scheme = "https"
	}
	return fmt.Sprintf("%s://localhost:%d", scheme, listen)
}

// natsAs is where a user of the layout logs in.
func (c *cluster) natsAs(user string) string { return c.nats.As(c.creds.nats.Login(user)) }

func (c *cluster) issuerEnv(iss string) []string {
	return append(c.sharedEnv("issuer", iss),
		"CURFEW_KEYS_DIR="+c.creds.keysDir,
		"CURFEW_USERS_FILE="+c.creds.usersFile,
		"CURFEW_ADMIN_TOKEN_FILE="+c.creds.adminTokenFile)
}

func (c *cluster) edgeEnv(iss string, n, listen int) []string {
	return append(c.sharedEnv("edge", iss), "CURFEW_EDGE_ID=edge-"+strconv.Itoa(n), "CURFEW_EDGE_URL="+c.url(listen))
}

func (c *cluster) add(to *[]*member, bin, kind string, n, listen int, env []string) error {
	name := fmt.Sprintf("%s-%d", kind, n)
	p, err := proc.Start(proc.Spec{
		Name: name, Path: filepath.Join(bin, kind), LogFile: filepath.Join(c.dir, name+".log"),
		Env: append(env, "CURFEW_LISTEN="+port.Loopback(listen)),
	})
	if err != nil {
		return fmt.Errorf("%w (run make build first)", err)
	}
	*to = append(*to, &member{Process: p, url: c.url(listen)})
	c.processes = append(c.processes, p)
	return nil
}

func (c *cluster) awaitMembers(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	for _, m := range append(append([]*member{}, c.issuers...), c.edges...) {
		err := poll.Until(ctx, func() error {
			if !m.Running() {
				return poll.Stop(fmt.Errorf("it ended: %s", m.Log()))
			}
			return m.ready(ctx, client)
		})
		if err != nil {
			return fmt.Errorf("%s is not ready: %w", m.Name(), err)
		}
	}
	return nil
}

func (c *cluster) client() (*http.Client, error) {
	if c.certs == "" {
		return http.DefaultClient, nil
	}
	verify, err := tlsfiles.Peer{Files: tlsfiles.Files{CA: devcerts.Cert(c.certs, devcerts.Authority)}}.Config(slog.Default())
	return &http.Client{Transport: &http.Transport{TLSClientConfig: verify}}, err
}

func (m *member) ready(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz says %s", resp.Status)
	}
	return nil
}

// parsePorts reads a list such as 8080,8090, with free ports for zeros.
func parsePorts(list string) ([]int, error) {
	var ports []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 0 || n > 65535 {
			return nil, fmt.Errorf("%q is not a port", text)
		}
		if n == 0 {
			if n, err = port.Free(); err != nil {
				return nil, err
			}
		}
		ports = append(ports, n)
	}
	return ports, nil
}
