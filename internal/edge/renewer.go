package edge

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/singleflight"

	"github.com/curfew-auth/curfew/internal/front"
)

const (
	renewTimeout  = 2 * time.Second // what a renewal may add to a request
	renewFailures = 5               // in a row, that open the breaker
	renewRest     = time.Second     // until the issuer is tried again
	renewConns    = 64              // to the issuer, at most
	maxGrant      = 64 << 10        // bytes of the issuer's answer
)

// A renewer exchanges refresh tokens at the issuer. Requests that come at the
// same time with the same token, of the same device, share one exchange. It keeps nothing: on other
// edges, and for requests that come a little later, the issuer itself gives
// the same successor (the grace of package session), so that whatever number
// of requests on whatever number of edges ends in one line of tokens.
type renewer struct {
	url     string
	client  *http.Client
	breaker *gobreaker.CircuitBreaker[front.Pair]
	flights singleflight.Group
	results *prometheus.CounterVec
}

func newRenewer(url string, verify *tls.Config, registry prometheus.Registerer, log *slog.Logger) *renewer {
	r := &renewer{
		url: url,
		client: &http.Client{
			Transport: &http.Transport{ // no proxy of the environment
				MaxConnsPerHost: renewConns, MaxIdleConnsPerHost: renewConns, IdleConnTimeout: time.Minute, TLSClientConfig: verify,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		breaker: gobreaker.NewCircuitBreaker[front.Pair](gobreaker.Settings{
			Name:         "renew",
			Timeout:      renewRest,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= renewFailures },
			IsSuccessful: answered,
			OnStateChange: func(_ string, from, to gobreaker.State) {
				log.Warn("renewal breaker", "from", from.String(), "to", to.String())
			},
		}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "curfew_renewals_total", Help: "Exchanges of refresh cookies at the issuer, by result: renewed, refused or failed.",
		}, []string{"result"}),
	}
	registry.MustRegister(r.results)
	return r
}

// renew exchanges a refresh token, within renewTimeout. An error that is a
// *front.Problem is the issuer's refusal; after any other nothing is known.
func (r *renewer) renew(refresh string, client http.Header) (front.Pair, error) {
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
	defer cancel()
	// The device is part of the question: the issuer's answer to one is not
	// another's. Not the token itself, for panics print keys.
	key := sha256.Sum256([]byte(refresh + "\x00" + client.Get(headerDevice)))
	flight := r.flights.DoChan(string(key[:]), func() (any, error) {
		pair, err := r.breaker.Execute(func() (front.Pair, error) { return r.exchange(refresh, client) })
		r.count(err)
		return pair, err
	})
	select {
	case f := <-flight:
		pair, _ := f.Val.(front.Pair)
		return pair, f.Err
	case <-ctx.Done():
		return front.Pair{}, ctx.Err()
	}
}

func (r *renewer) exchange(refresh string, client http.Header) (front.Pair, error) {
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"refresh_token": refresh})
	if err != nil {
		return front.Pair{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(string(body)))
	if err != nil {
		return front.Pair{}, err
	}
	req.Header = client.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return front.Pair{}, err
	}
	defer res.Body.Close()
	return readGrant(res.StatusCode, io.LimitReader(res.Body, maxGrant))
}

func readGrant(status int, body io.Reader) (front.Pair, error) {
	var answer struct {
		AccessToken      string `json:"access_token"`
		RefreshToken     string `json:"refresh_token"`
		RefreshExpiresIn int64  `json:"refresh_expires_in"` // seconds
		Code             string `json:"code"`
	}
	err := json.NewDecoder(body).Decode(&answer)
	switch {
	case err != nil:
		return front.Pair{}, fmt.Errorf("edge: renew: %d and no JSON", status) // the error could quote a token
	case status == http.StatusUnauthorized:
		return front.Pair{}, front.RefreshRefused(answer.Code)
	case status != http.StatusOK, answer.AccessToken == "", answer.RefreshToken == "", answer.RefreshExpiresIn <= 0:
		return front.Pair{}, fmt.Errorf("edge: renew: %d without a grant", status)
	}
	return front.Pair{
		Access: answer.AccessToken, Refresh: answer.RefreshToken, Lifetime: time.Duration(answer.RefreshExpiresIn) * time.Second,
	}, nil
}

// answered: a refusal is an answer, and says nothing against the issuer.
func answered(err error) bool {
	_, refused := errors.AsType[*front.Problem](err)
	return err == nil || refused
}

func (r *renewer) count(err error) {
	switch {
	case err == nil:
		r.results.WithLabelValues("renewed").Inc()
	case answered(err):
		r.results.WithLabelValues("refused").Inc()
	default:
		r.results.WithLabelValues("failed").Inc()
	}
}
