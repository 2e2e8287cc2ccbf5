package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Files are where the parts are, each in PEM. The zero value names none.
type Files struct {
	Cert string // certificate, with those between it and its authority behind it
	Key  string // its private key
	CA   string // authorities of the other side
}

// A Check returns what is wrong with files, without their content: an error names the
// file. It returns nil if they are in order.
func (f Files) Check() error {
	var errs []error
	if f.Cert != "" || f.Key != "" {
		_, err := f.pair()
		errs = append(errs, err)
	}
	if f.CA != "" {
		_, err := authorities(f.CA)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Server is the configuration of a listener that speaks the protocols (ALPN, RFC
// 7301), or nil if there is no certificate. With a CA, clients must show a
// certificate of one of its authorities. Files that cannot be read later leave it as
// it was, and log says so.
func Server(f Files, log *slog.Logger, protocols ...string) (*tls.Config, error) {
	if f.Cert == "" {
		return nil, nil
	}
	current, err := watch(log, func() (*tls.Config, error) { return f.server(protocols) }, f.names()...)
	if err != nil {
		return nil, err
	}
	c := base()
	c.NextProtos = protocols
	// One configuration until a file changes: what it remembers of sessions is gone
	// with it, and so are those of clients whose authority is no longer there.
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.get(), nil }
	return c, nil
}

func (f Files) server(protocols []string) (*tls.Config, error) {
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	c := base()
	c.NextProtos, c.Certificates = protocols, []tls.Certificate{pair}
	if f.CA != "" {
		if c.ClientCAs, err = authorities(f.CA); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// A Peer is a server that we connect to: how it is verified and what it is shown.
type Peer struct {
	Files
	// Unverified accepts any certificate: whoever is on the way can read and change
	// everything.
	Unverified bool
}

// Config is the configuration of a client, or nil for the zero Peer, which verifies by
// the system's authorities. With a CA its authorities alone count; it is read once.
func (f Peer) Config(log *slog.Logger) (*tls.Config, error) {
	if f == (Peer{}) {
		return nil, nil
	}
	c := base()
	c.InsecureSkipVerify = f.Unverified // the operator has said so by name
	if f.CA != "" {
		var err error
		if c.RootCAs, err = authorities(f.CA); err != nil {
			return nil, err
		}
	}
	if f.Cert != "" || f.Key != "" {
		current, err := watch(log, f.pair, f.Cert, f.Key)
		if err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair := current.get()
			return &pair, nil
		}
	}
	return c, nil
}

// Own is the configuration of a client for the listener with these files, or nil if
// it speaks plain text. It accepts that very certificate alone, and shows it too.
func Own(f Files) (*tls.Config, error) {
	if f.Cert == "" {
		return nil, nil
	}
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	c := base()
	c.RootCAs = x509.NewCertPool()
	c.RootCAs.AddCert(pair.Leaf)
	c.Certificates = []tls.Certificate{pair}
	switch leaf := pair.Leaf; {
	case len(leaf.DNSNames) > 0:
		c.ServerName = strings.Replace(leaf.DNSNames[0], "*", "any", 1)
	case len(leaf.IPAddresses) > 0:
		c.ServerName = leaf.IPAddresses[0].String()
	}
	return c, nil
}

// base: the lists of TLS 1.3 cannot be chosen, and need not be.
func base() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
}

func (f Files) names() (names []string) {
	for _, name := range []string{f.Cert, f.Key, f.CA} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (f Files) pair() (tls.Certificate, error) {
	if f.Cert == "" || f.Key == "" {
		return tls.Certificate{}, errors.New("a certificate and its key belong together: name both files")
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if _, unreadable := errors.AsType[*os.PathError](err); err != nil && !unreadable {
		err = fmt.Errorf("%s and %s: %w", f.Cert, f.Key, err)
	}
	return pair, err
}

func authorities(name string) (*x509.CertPool, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s: no certificate in PEM", name)
	}
	return pool, nil
}
