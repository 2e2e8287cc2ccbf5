package redisstore

import (
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrBadURL never quotes the URL, because that may hold a password.
var ErrBadURL = errors.New("redisstore: malformed Redis URL, want redis://[user:password@]host:port[/db], " +
	"rediss:// for TLS, ?addr=host:port for more nodes of a cluster, ?master_name=name for Sentinel")

// Options bound what a client may cost its caller.
type Options struct {
	// Timeout bounds dialling, reading, writing and waiting for a
	// connection, each; a context's deadline bounds their sum. Default 1s.
	Timeout time.Duration
	// PoolSize is the most connections per server; 0 leaves the default of
	// ten per core.
	PoolSize int
}

// Open makes a client for a URL. It does not connect yet. The client never
// retries: its callers know better whether an operation may be repeated.
// Reads always go to the primary, since a replica may lag behind.
func Open(rawURL string, o Options) (redis.UniversalClient, error) {
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, ErrBadURL
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, ErrBadURL
	}
	switch {
	case q.Has("master_name"):
		return openSentinel(rawURL, o)
	case q.Has("addr"):
		return openCluster(rawURL, o)
	}
	return openServer(rawURL, o)
}

func openServer(rawURL string, o Options) (redis.UniversalClient, error) {
	c, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, ErrBadURL
	}
	c.ContextTimeoutEnabled, c.MaxRetries, c.DialerRetries = true, -1, 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	c.Protocol, c.DisableIdentity, c.PoolSize = 2, true, o.PoolSize
	c.MaintNotificationsConfig = quiet()
	return redis.NewClient(c), nil
}

func openSentinel(rawURL string, o Options) (redis.UniversalClient, error) {
	c, err := redis.ParseFailoverURL(rawURL)
	if err != nil {
		return nil, ErrBadURL
	}
	c.ContextTimeoutEnabled, c.MaxRetries, c.DialerRetries = true, -1, 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	c.Protocol, c.DisableIdentity, c.PoolSize = 2, true, o.PoolSize
	c.ReplicaOnly, c.RouteByLatency, c.RouteRandomly = false, false, false
	return redis.NewFailoverClient(c), nil
}

func openCluster(rawURL string, o Options) (redis.UniversalClient, error) {
	c, err := redis.ParseClusterURL(rawURL)
	if err != nil {
		return nil, ErrBadURL
	}
	c.ContextTimeoutEnabled, c.MaxRetries, c.DialerRetries = true, -1, 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	c.Protocol, c.DisableIdentity, c.PoolSize = 2, true, o.PoolSize
	c.ReadOnly, c.RouteByLatency, c.RouteRandomly = false, false, false
	c.MaintNotificationsConfig = quiet()
	return redis.NewClusterClient(c), nil
}

// quiet keeps the client from asking servers for maintenance notices, which
// only some of them understand.
func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
