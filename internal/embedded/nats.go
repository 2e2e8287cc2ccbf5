package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTimeout is a ceiling; a server is up within milliseconds.
const startTimeout = 10 * time.Second

// A NATS is a real NATS server with JetStream inside this process. It listens
// on a free loopback port, and only those who know its URL get in.
type NATS struct {
	server *server.Server
	url    string
}

// StartNATS starts a server that keeps its streams in dir.
func StartNATS(dir string) (*NATS, error) {
	user, password := "curfew", rand.Text()
	s, err := server.NewServer(&server.Options{
		ServerName: "curfew-embedded",
		Host:       "127.0.0.1",
		Port:       server.RANDOM_PORT,
		Username:   user,
		Password:   password,
		JetStream:  true,
		StoreDir:   dir,
		NoLog:      true,
		NoSigs:     true, // or it would end the process on a signal
	})
	if err != nil {
		return nil, fmt.Errorf("embedded: nats: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		s.Shutdown()
		return nil, errors.New("embedded: nats: not ready")
	}
	u := url.URL{Scheme: "nats", User: url.UserPassword(user, password), Host: s.Addr().String()}
	return &NATS{server: s, url: u.String()}, nil
}

// URL is how to connect; it holds the password.
func (n *NATS) URL() string { return n.url }

// Close stops the server and waits for it.
func (n *NATS) Close() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}
