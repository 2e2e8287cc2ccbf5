package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	sse "github.com/tmaxmax/go-sse"
)

// maxEvent bounds one event of the stream, in bytes.
const maxEvent = 1 << 20

// An EventFilter says which events are wanted. What is empty matches any.
type EventFilter struct {
	Kinds   []string
	User    string // id, or name as it was typed at a failed login
	Tenant  string
	Session string
}

func (f EventFilter) query() url.Values {
	q := url.Values{}
	if len(f.Kinds) > 0 {
		q["kind"] = f.Kinds
	}
	for name, value := range map[string]string{"user": f.User, "tenant": f.Tenant, "session": f.Session} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// An Event is one entry of the trail, or a sign of life.
type Event struct {
	ID   string          // to go on after it
	Kind string          // empty: a sign of life, which only has an ID
	Data json.RawMessage // an object
}

// Events follows the trail, for an admin, from after the event with that ID,
// or from now on if it is empty. The sequence ends with an error, when the
// connection does: ErrUnreachable is wrapped if it is worth to go on.
func (c *Client) Events(ctx context.Context, f EventFilter, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		res, err := c.follow(ctx, f, after)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer res.Body.Close()
		for e, err := range sse.Read(res.Body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
			if err != nil {
				yield(Event{}, fmt.Errorf("%w: the stream broke: %w", ErrUnreachable, err))
				return
			}
			out := Event{ID: e.LastEventID, Kind: e.Type, Data: json.RawMessage(e.Data)}
			if e.Data == "" {
				out.Kind, out.Data = "", nil
			} else if !json.Valid(out.Data) {
				yield(Event{}, errors.New("an event that is not JSON; is the URL right?"))
				return
			}
			if !yield(out, nil) {
				return
			}
		}
		yield(Event{}, fmt.Errorf("%w: the stream ended", ErrUnreachable))
	}
}

func (c *Client) follow(ctx context.Context, f EventFilter, after string) (*http.Response, error) {
	req, err := call{method: http.MethodGet, url: c.admin("/admin/v1/events"), bearer: c.Bearer, query: f.query()}.request(ctx)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, unreachable(req.URL.String(), err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, problemOf(res)
	}
	if kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";"); kind != "text/event-stream" {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%s does not answer as Curfew does; is the URL right?", req.URL.Host)
	}
	return res, nil
}
