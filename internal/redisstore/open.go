package redisstore

import (
	"crypto/tls"
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrBadURL never quotes the URL, because that may hold a password.
var ErrBadURL = errors.New("redisstore: malformed Redis URL, want redis://[user:password@]host:port[/db], " +
	"rediss:// for TLS, ?addr=host:port for more nodes of a cluster, ?master_name=name for Sentinel")

var (
	errPlainURL   = errors.New("redisstore: want rediss://, for TLS was configured")
	errSkipVerify = errors.New("redisstore: skip_verify in the URL: leaving a certificate unverified must be said by name")
)

// Options bound what a client may cost its caller.
type Options struct {
	// Timeout bounds dialling, reading, writing and waiting for a
	// connection, each; a context's deadline bounds their sum. Default 1s.
	Timeout time.Duration
	// PoolSize is the most connections per server; 0 leaves the default of
	// ten per core.
	PoolSize int
	// TLS says how servers of a rediss URL are verified; nil: by the system's
	// authorities. A URL without TLS is refused when it is set.
	TLS *tls.Config
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
	if o.TLS != nil && u.Scheme != "rediss" {
		return nil, errPlainURL
	}
	if q.Has("skip_verify") {
		if o.TLS == nil || !o.TLS.InsecureSkipVerify {
			return nil, errSkipVerify
		}
		q.Del("skip_verify")
		u.RawQuery = q.Encode()
	}
	switch {
	case q.Has("master_name"):
		return openSentinel(u, q, o)
	case q.Has("addr"):
		return openCluster(u.String(), o)
	}
	return openServer(u.String(), o)
}

// encryption is nil for a URL without TLS. Its ServerName is left to each connection:
// behind one URL there are several servers.
func (o Options) encryption(fromURL *tls.Config) *tls.Config {
	if fromURL == nil || o.TLS == nil {
		if fromURL != nil {
			fromURL.ServerName = ""
		}
		return fromURL
	}
	return o.TLS.Clone()
}

func openServer(rawURL string, o Options) (redis.UniversalClient, error) {
	c, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, ErrBadURL
	}
	c.ContextTimeoutEnabled, c.MaxRetries, c.DialerRetries = true, -1, 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	c.Protocol, c.DisableIdentity, c.PoolSize = 2, true, o.PoolSize
	c.MaintNotificationsConfig, c.TLSConfig = quiet(), o.encryption(c.TLSConfig)
	return redis.NewClient(c), nil
}

// openSentinel: the URL's user and password are for Redis, as everywhere; those of
// the Sentinels are the parameters sentinel_username and sentinel_password. The
// library takes the former for the Sentinels', and username and password for Redis'.
func openSentinel(u *url.URL, q url.Values, o Options) (redis.UniversalClient, error) {
	sentinelUser, sentinelPassword := q.Get("sentinel_username"), q.Get("sentinel_password")
	q.Del("sentinel_username")
	q.Del("sentinel_password")
	u.RawQuery = q.Encode()
	c, err := redis.ParseFailoverURL(u.String())
	if err != nil {
		return nil, ErrBadURL
	}
	if q.Has("username") || q.Has("password") {
		if sentinelUser != "" || sentinelPassword != "" {
			c = nil
		}
	}
	if c == nil {
		return nil, ErrBadURL // two ways to say the same
	}
	if !q.Has("username") && !q.Has("password") {
		c.Username, c.Password = c.SentinelUsername, c.SentinelPassword
		c.SentinelUsername, c.SentinelPassword = sentinelUser, sentinelPassword
	}
	c.TLSConfig = o.encryption(c.TLSConfig)
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
	c.MaintNotificationsConfig, c.TLSConfig = quiet(), o.encryption(c.TLSConfig)
	return redis.NewClusterClient(c), nil
}

// quiet keeps the client from asking servers for maintenance notices, which
// only some of them understand.
func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}
