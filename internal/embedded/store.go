package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// A Store is a Redis-protocol server inside this process, on a free port of
// the loopback interface, behind a password that only URL knows. It keeps
// nothing when it closes. Every script looks at every key with an expiry, so
// it suits thousands of sessions, not millions.
type Store struct {
	// Server is the server itself, for tests that look inside or break it.
	Server *miniredis.Miniredis

	password string
	info     map[string]string // by lower-case section

	mu      sync.Mutex
	clock   time.Time // what the server was last told
	stopped bool      // the clock
}

// StartStore starts one. The caller closes it.
func StartStore() (*Store, error) {
	s := &Store{Server: miniredis.NewMiniRedis(), password: rand.Text(), info: identity()}
	s.Server.RequireAuth(s.password)
	s.Server.ClockTTL(true)
	if err := s.Server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("embedded: start store: %w", err)
	}
	s.Server.Server().SetPreHook(s.hook)
	return s, nil
}

// URL is where the store is, with its password: keep it out of logs.
func (s *Store) URL() string {
	u := url.URL{Scheme: "redis", User: url.UserPassword("", s.password), Host: s.Server.Addr(), Path: "/0"}
	return u.String()
}

// Close ends the store and every connection to it.
func (s *Store) Close() { s.Server.Close() }

// identity makes up what a real server says of itself: new for every process.
func identity() map[string]string {
	return map[string]string{
		"server":      "# Server\r\nrun_id:" + randomHex() + "\r\n",
		"replication": "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:" + randomHex() + "\r\n",
		"stats":       "# Stats\r\nevicted_keys:0\r\n", // it has no limit to what it keeps
	}
}

func randomHex() string {
	var b [20]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// hook fills in what miniredis lacks. It always hands over to a command of
// miniredis, which checks the password, so it opens nothing to strangers.
func (s *Store) hook(c *server.Peer, cmd string, args ...string) bool {
	switch cmd {
	case "INFO":
		return s.answerInfo(c, args)
	case "EVAL", "EVALSHA":
		s.tick()
	case "EVAL_RO", "EVALSHA_RO":
		// miniredis refuses TIME and INFO in these.
		s.Server.Server().Dispatch(c, append([]string{strings.TrimSuffix(cmd, "_RO")}, args...))
		return true
	}
	return false
}

func (s *Store) answerInfo(c *server.Peer, args []string) bool {
	var text string
	for _, section := range args {
		part, known := s.info[strings.ToLower(section)]
		if !known {
			return false
		}
		text += part
	}
	if text != "" {
		s.Server.Server().Dispatch(c, []string{"ECHO", text})
	}
	return text != ""
}

// tick sets the server's clock, which stands still between ticks: as in
// Redis, no key expires in the middle of a script. Only commands that no
// script can call may come here, because the server is locked inside one.
func (s *Store) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); !s.stopped && now.Sub(s.clock) >= time.Millisecond {
		s.clock = now
		s.Server.SetTime(now)
	}
}

// StopClock has it be this time until the next call, for tests of what expires.
// Time MUST NOT go back, or keys live too long.
func (s *Store) StopClock(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.clock = true, at
	s.Server.SetTime(at)
}
