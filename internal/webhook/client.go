package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/curfew-auth/curfew/internal/session"
)

const (
	// Timeout bounds one question, answer included.
	Timeout = 5 * time.Second

	maxAnswer       = 64 << 10 // bytes
	atOnce          = 64       // questions
	breakerFailures = 5        // in a row, that open the breaker
	breakerRest     = 5 * time.Second
)

// Config says whom to ask.
type Config struct {
	URL    string // must be checked already
	Secret string // signs the questions; empty: they are not signed
}

// A Client is a session.Authenticator that asks the webhook.
type Client struct {
	config  Config
	http    *http.Client
	turns   *session.Turns
	breaker *gobreaker.CircuitBreaker[session.User]
}

var _ session.Authenticator = (*Client)(nil)

// New returns a client. It does not connect.
func New(c Config, log *slog.Logger) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = atOnce, atOnce
	return &Client{
		config: c, turns: session.NewTurns(atOnce),
		http: &http.Client{
			Transport: transport, Timeout: Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		breaker: gobreaker.NewCircuitBreaker[session.User](gobreaker.Settings{
			Name: "login webhook", Timeout: breakerRest,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
			IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, session.ErrInvalidCredentials) },
			IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) }, // the client hung up
			OnStateChange: func(_ string, from, to gobreaker.State) {
				log.Warn("login webhook breaker", "from", from.String(), "to", to.String())
			},
		}),
	}
}

// Authenticate implements session.Authenticator. Errors:
// ErrInvalidCredentials, a Delay of ErrBusy, ErrUnavailable.
func (c *Client) Authenticate(ctx context.Context, with session.Credentials) (session.User, error) {
	done, err := c.turns.Take(ctx)
	if err != nil {
		return session.User{}, err
	}
	defer done()
	user, err := c.breaker.Execute(func() (session.User, error) { return c.ask(ctx, with) })
	if err != nil && !errors.Is(err, session.ErrInvalidCredentials) {
		return session.User{}, fmt.Errorf("webhook: %w: %w", session.ErrUnavailable, err)
	}
	return user, err
}

func (c *Client) ask(ctx context.Context, with session.Credentials) (session.User, error) {
	body, err := json.Marshal(question{
		Username: with.Username, Password: with.Password, Tenant: with.Tenant,
		IP: with.IP, UserAgent: with.UserAgent, Device: with.Device,
	})
	if err != nil {
		return session.User{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.URL, bytes.NewReader(body))
	if err != nil {
		return session.User{}, errors.New("the URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "curfew")
	if c.config.Secret != "" {
		req.Header.Set(SignatureHeader, Sign(c.config.Secret, time.Now(), body))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return session.User{}, err // quotes the URL, never the body
	}
	defer res.Body.Close()
	return decide(res, with)
}

// decide takes 200 for a yes and 401, 403 and 404 for a no. Anything else
// decides nothing.
func decide(res *http.Response, with session.Credentials) (session.User, error) {
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // so that the connection can be used again
		return session.User{}, session.ErrInvalidCredentials
	default:
		return session.User{}, fmt.Errorf("status %d", res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return session.User{}, err
	}
	if len(text) > maxAnswer {
		return session.User{}, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	return readAnswer(text, with.Tenant)
}
