package tlsfiles

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// maxName bounds a path, in bytes.
const maxName = 4096

// Files are where the parts are, each in PEM. The zero value names none.
type Files struct {
	Cert string // certificate, with those between it and its authority behind it
	Key  string // its private key
	CA   string // authorities of the other side
}

// The parts of Files, for errors.
const (
	PartCert = "cert"
	PartKey  = "key"
	PartCA   = "ca"
)

// An Error is what is wrong with one part. It holds nothing of a file's content, also
// when that was given in place of its name.
type Error struct {
	Part   string
	Reason string
}

func (e *Error) Error() string { return e.Part + ": " + e.Reason }

// Check returns what is wrong with the files, as *Error, joined.
func (f Files) Check() error {
	var errs []error
	if f.Cert != "" || f.Key != "" {
		_, err := f.pair()
		errs = append(errs, err)
	}
	if f.CA != "" {
		_, err := f.authorities()
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
	current, err := watch(log, func() (*tls.Config, error) { return f.server(protocols, log) }, f.names()...)
	if err != nil {
		return nil, err
	}
	c := base()
	c.NextProtos = protocols
	// One configuration until a file changes, with a key of its own for the tickets of
	// sessions: what was agreed on with other files is not resumed.
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.get(), nil }
	return c, nil
}

func (f Files) server(protocols []string, log *slog.Logger) (*tls.Config, error) {
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	warnOfExpiry(log, pair.Leaf, f.Cert)
	warnOfReaders(log, f.Key)
	c := base()
	c.NextProtos, c.Certificates = protocols, []tls.Certificate{pair}
	if f.CA != "" {
		if c.ClientCAs, err = f.authorities(); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	var ticket [32]byte
	_, _ = rand.Read(ticket[:]) // never fails
	c.SetSessionTicketKeys([][32]byte{ticket})
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
		if c.RootCAs, err = f.authorities(); err != nil {
			return nil, err
		}
	}
	if f.Cert != "" || f.Key != "" {
		load := func() (tls.Certificate, error) {
			pair, err := f.pair()
			if err == nil {
				warnOfExpiry(log, pair.Leaf, f.Cert)
				warnOfReaders(log, f.Key)
			}
			return pair, err
		}
		current, err := watch(log, load, f.Cert, f.Key)
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

// soon is when a certificate that is loaded gets a word about its end.
const soon = 14 * 24 * time.Hour

func warnOfExpiry(log *slog.Logger, cert *x509.Certificate, file string) {
	switch left := time.Until(cert.NotAfter); {
	case left <= 0:
		log.Error("tls: the certificate has expired: nobody will accept it", "file", file, "expired", cert.NotAfter)
	case left < soon:
		log.Warn("tls: the certificate expires soon", "file", file, "expires", cert.NotAfter)
	}
}

// warnOfReaders: whoever reads the key can be us. Kubernetes gives secrets to a group.
func warnOfReaders(log *slog.Logger, key string) {
	if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o007 != 0 {
		log.Warn("tls: everybody on this machine can read the key: chmod o= it", "file", key)
	}
}

// Expiry is when the certificate in a file expires, in Unix seconds; 0 if it cannot be
// read.
func Expiry(file string) int64 {
	data, err := read(PartCert, file)
	if err != nil {
		return 0
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return 0
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return 0
	}
	return cert.NotAfter.Unix()
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
	switch {
	case f.Cert == "":
		return tls.Certificate{}, &Error{PartKey, "is of no use without the certificate"}
	case f.Key == "":
		return tls.Certificate{}, &Error{PartCert, "is of no use without its key"}
	}
	cert, err := read(PartCert, f.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := read(PartKey, f.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if block, _ := pem.Decode(key); block != nil && strings.Contains(block.Type, "ENCRYPTED") {
		return tls.Certificate{}, &Error{PartKey, f.Key + " is encrypted: decrypt it, and let nobody else read the file"}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, &Error{PartCert, fmt.Sprintf("%s with %s: %v", f.Cert, f.Key, err)}
	}
	return pair, nil
}

// authorities wants every block of the file to be a certificate: one that is cut off or
// broken must not be passed over.
func (f Files) authorities() (*x509.CertPool, error) {
	rest, err := read(PartCA, f.CA)
	if err != nil {
		return nil, err
	}
	pool, found := x509.NewCertPool(), false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, &Error{PartCA, f.CA + " holds something that is no certificate"}
		}
		pool.AddCert(cert)
		found = true
	}
	if !found || strings.Contains(string(rest), "-----") {
		return nil, &Error{PartCA, f.CA + " holds no certificate in PEM, or one that is cut off"}
	}
	return pool, nil
}

// read does not repeat a name that is the content: the text of a key may have been put
// where its path belongs.
func read(part, name string) ([]byte, error) {
	if strings.ContainsAny(name, "\n\r") || strings.Contains(name, "-----") || len(name) > maxName {
		return nil, &Error{part, "holds the content of a file: want its path"}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, &Error{part, err.Error()}
	}
	return data, nil
}
