// Package demo tells Curfew's story in a few seconds: a login, a call to every
// edge, a logout, and how many milliseconds later each edge refused.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/curfew-auth/curfew/internal/up"
)

// patience is how long an edge may take to refuse: the staleness bound.
const patience = 5 * time.Second

// ErrAccepted: an edge still accepted the token at the end of the bound.
var ErrAccepted = errors.New("demo: an edge did not refuse the token")

// A refusal is when an edge first refused, counted from the logout's answer.
type refusal struct {
	edge  string
	after time.Duration
	calls int // that were let through until then
	err   error
}

// Run plays the story on a running cluster and draws it.
func Run(ctx context.Context, c *up.Cluster, w io.Writer) error {
	d := &demo{cluster: c, client: &http.Client{Timeout: patience}, w: w}
	defer d.client.CloseIdleConnections()
	access, err := d.login(ctx)
	if err != nil {
		return err
	}
	d.say("alice logs in at the issuer            200")
	for n, edge := range c.EdgeURLs {
		if status, err := d.whoami(ctx, edge, access); err != nil || status != http.StatusOK {
			return fmt.Errorf("demo: edge-%d answered %d before the logout: %w", n+1, status, err)
		}
		d.say("she calls edge-%d                       200", n+1)
	}
	refusals, took, err := d.logout(ctx, access)
	if err != nil {
		return err
	}
	d.say("she logs out at the issuer             200   in %s: in the store and in the log", ms(took))
	d.say("")
	return d.draw(refusals)
}

type demo struct {
	cluster *up.Cluster
	client  *http.Client
	w       io.Writer
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.w, "  "+format+"\n", args...) }

func ms(t time.Duration) string { return fmt.Sprintf("%.1f ms", float64(t.Microseconds())/1000) }

func (d *demo) login(ctx context.Context) (access string, err error) {
	body, err := json.Marshal(d.cluster.Users[0])
	if err != nil {
		return "", err
	}
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	status, err := d.call(ctx, http.MethodPost, d.cluster.IssuerURL+"/v1/login", "", body, &grant)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("demo: login answered %d", status)
	}
	return grant.AccessToken, err
}

func (d *demo) whoami(ctx context.Context, edge, access string) (int, error) {
	return d.call(ctx, http.MethodGet, edge+"/v1/whoami", access, nil, nil)
}

// logout ends the session while every edge is being called without a pause.
func (d *demo) logout(ctx context.Context, access string) ([]refusal, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answered := make(chan time.Time, len(d.cluster.EdgeURLs))
	refusals := make([]refusal, len(d.cluster.EdgeURLs))
	var watching sync.WaitGroup
	for n, edge := range d.cluster.EdgeURLs {
		watching.Go(func() { refusals[n] = d.watch(ctx, edge, access, answered) })
	}
	start := time.Now()
	status, err := d.call(ctx, http.MethodPost, d.cluster.IssuerURL+"/v1/logout", access, nil, nil)
	end := time.Now()
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("demo: logout answered %d", status)
	}
	if err != nil {
		cancel()
	}
	for range refusals {
		answered <- end
	}
	watching.Wait()
	return refusals, end.Sub(start), err
}

// watch calls one edge until it refuses.
func (d *demo) watch(ctx context.Context, edge, access string, answered <-chan time.Time) (r refusal) {
	r.edge = edge
	for {
		status, err := d.whoami(ctx, edge, access)
		switch {
		case status == http.StatusUnauthorized:
			refused := time.Now()
			r.after = max(0, refused.Sub(<-answered))
			return r
		case err != nil || ctx.Err() != nil:
			r.err = errors.Join(ErrAccepted, err)
			return r
		}
		r.calls++
	}
}

func (d *demo) call(ctx context.Context, method, url, access string, body []byte, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if into != nil {
		err = json.NewDecoder(res.Body).Decode(into)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
