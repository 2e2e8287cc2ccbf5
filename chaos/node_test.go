//go:build unix

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/deploy/nats"
	"github.com/curfew-auth/curfew/internal/testenv/backend"
	"github.com/curfew-auth/curfew/internal/testenv/faultproxy"
	"github.com/curfew-auth/curfew/internal/testenv/poll"
	"github.com/curfew-auth/curfew/internal/testenv/proc"
)

// A node is an issuer or edge process with links of its own.
type node struct {
	*proc.Process
	cluster *cluster
	spec    proc.Spec
	url     string
	client  *http.Client
	nats    []*faultproxy.Proxy // one to each nats-server
	redis   *faultproxy.Proxy
}

// links are the ways of this node to every server.
func (n *node) links() []*faultproxy.Proxy { return append([]*faultproxy.Proxy{n.redis}, n.nats...) }

func (n *node) env(login string) []string {
	urls := make([]string, len(n.nats))
	for i, p := range n.nats {
		urls[i] = backend.NATSURL(login, p.Addr())
	}
	return []string{
		"CURFEW_LISTEN=" + strings.TrimPrefix(n.url, "http://"),
		"CURFEW_NATS_URL=" + strings.Join(urls, ","),
		"CURFEW_NATS_JS_PREFIX=" + nats.JSPrefix,
		"CURFEW_REDIS_URL=redis://" + n.redis.Addr() + "/0",
	}
}

// Kill ends the process, and notes what that excuses: an edge's memory is gone,
// and without an issuer nobody passes on what only the store knows.
func (n *node) Kill() error {
	c := n.cluster
	if !slices.Contains(c.issuers, n) {
		defer c.rec.Lapse(n.spec.Name, "killed")()
		return n.Process.Kill()
	}
	err := n.Process.Kill()
	lives := func(i *node) bool { return i.Running() }
	if c.orphaned == nil && !slices.ContainsFunc(c.issuers, lives) {
		c.orphaned = c.rec.Lapse("", "every issuer dead")
	}
	return err
}

// adopt ends the lapse without issuers once this one is ready.
func (n *node) adopt() {
	end := n.cluster.orphaned
	if end == nil || !slices.Contains(n.cluster.issuers, n) {
		return
	}
	n.cluster.orphaned = nil
	ready := func() error { return n.get(n.cluster.t.Context(), "/readyz", nil) }
	go func() {
		_ = poll.Until(n.cluster.t.Context(), ready) // it ends with the test at the latest
		end()
	}()
}

// replace kills the process and starts another in its place, with other
// settings or another program.
func (n *node) replace(change func(*proc.Spec)) error {
	if err := n.Kill(); err != nil {
		return err
	}
	spec := n.spec
	spec.Env = append([]string(nil), spec.Env...)
	if change != nil {
		change(&spec)
	}
	p, err := proc.Start(spec)
	if err != nil {
		return err
	}
	n.Process = p
	n.adopt()
	return nil
}

// restart starts the process again as it was at first, and waits for it.
func (n *node) restart(ctx context.Context) error {
	return errors.Join(n.replace(nil), n.awaitReady(ctx))
}

func (n *node) awaitReady(ctx context.Context) error {
	err := poll.Until(ctx, func() error {
		if !n.Running() {
			return poll.Stop(fmt.Errorf("it ended: %s", n.Log()))
		}
		return n.get(ctx, "/readyz", nil)
	})
	if err != nil {
		return fmt.Errorf("%s is not ready: %w", n.spec.Name, err)
	}
	return nil
}

// A status is what an edge says of itself.
type status struct {
	State      string `json:"state"`
	Store      string `json:"store"`
	Overflowed uint64 `json:"overflowed"`
}

func (n *node) status(ctx context.Context) (s status, err error) {
	return s, n.get(ctx, "/statusz", &s)
}

func (n *node) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s", n.spec.Name, path, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
