// Package devcerts makes a private authority and certificates for a trial: of every
// service, for this machine and for names that the caller adds. They last a month.
// The authority can vouch for those names alone (RFC 5280 section 4.2.1.10), so that
// whoever trusts it in a browser gives away nothing else.
package devcerts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	lasting = 30 * 24 * time.Hour
	// early is for clocks that are behind ours.
	early = time.Hour
	// maxHosts bounds the names that are added.
	maxHosts = 64
)

// Settings are the settings, for the environment, of a service whose certificates are in
// dir: it shows its own to everybody who wants one, and believes the authority's alone.
func Settings(dir, service string) []string {
	ca, cert, key := Cert(dir, Authority), Cert(dir, service), Key(dir, service)
	env := []string{"CURFEW_TLS_CERT=" + cert, "CURFEW_TLS_KEY=" + key}
	for _, server := range []string{"NATS", "REDIS", "ISSUER", "UPSTREAM"} {
		env = append(env, "CURFEW_"+server+"_CA="+ca, "CURFEW_"+server+"_CERT="+cert, "CURFEW_"+server+"_KEY="+key)
	}
	return env
}

// ErrHosts: the hosts cannot stand in a certificate.
var ErrHosts = errors.New("devcerts: hosts")

// Services are the names of the certificates, and of the hosts that each is for
// besides this machine. Each is also good as a client's.
var Services = []string{"issuer", "edge", "nats", "redis", "upstream", "admin"}

// Authority is the name of the authority's file; the key is beside it.
const Authority = "ca"

// Cert is the file of a certificate in dir, and Key that of its private key.
func Cert(dir, name string) string { return filepath.Join(dir, name+".crt") }

// Key is the file of a private key in dir.
func Key(dir, name string) string { return filepath.Join(dir, name+".key") }

// Make writes all certificates and keys to dir, which it makes if there is none. Hosts
// are further names and IP addresses of all services. It replaces nothing: a file that
// is there is an error, and then it writes none.
func Make(dir string, hosts []string) error {
	names, addresses, err := sort(append([]string{"localhost", "127.0.0.1", "::1"}, hosts...))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("devcerts: %w", err)
	}
	for _, name := range append([]string{Authority}, Services...) {
		for _, file := range []string{Cert(dir, name), Key(dir, name)} {
			if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("devcerts: %s is there already, and nothing is replaced: name a new directory", file)
			}
		}
	}
	ca, err := newAuthority(names, addresses)
	if err != nil {
		return err
	}
	if err := ca.write(dir, Authority); err != nil {
		return err
	}
	for _, service := range Services {
		signed, err := ca.sign(service, names, addresses)
		if err != nil {
			return err
		}
		if err := signed.write(dir, service); err != nil {
			return err
		}
	}
	return nil
}

var hostForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)

// sort tells names from addresses.
func sort(hosts []string) (names []string, addresses []net.IP, err error) {
	if len(hosts) > maxHosts {
		return nil, nil, fmt.Errorf("%w: at most %d", ErrHosts, maxHosts)
	}
	for _, host := range hosts {
		host = strings.ToLower(host)
		if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
			addresses = append(addresses, net.IP(addr.Unmap().AsSlice()))
		} else if len(host) <= 253 && hostForm.MatchString(host) {
			names = append(names, host)
		} else {
			return nil, nil, fmt.Errorf("%w: %q is neither a host name nor an IP address", ErrHosts, host)
		}
	}
	return names, addresses, nil
}

// An identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(names []string, addresses []net.IP) (identity, error) {
	t := template("Curfew trial authority")
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	t.PermittedDNSDomainsCritical = true
	t.PermittedDNSDomains = append(slices.Clone(Services), names...)
	for _, ip := range addresses {
		bits := 8 * len(ip)
		t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, bits)})
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	return issue(t, t, key, key)
}

func (ca identity) sign(service string, names []string, addresses []net.IP) (identity, error) {
	t := template(service)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames, t.IPAddresses = append([]string{service}, names...), addresses
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	return issue(t, ca.cert, key, ca.key)
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // never fails
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: name, Organization: []string{"Curfew, for a trial"}},
		NotBefore: time.Now().Add(-early), NotAfter: time.Now().Add(lasting),
	}
}

func issue(t, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (identity, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), parentKey)
	if err != nil {
		return identity{}, fmt.Errorf("devcerts: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return identity{cert, key}, err
}

func (i identity) write(dir, name string) error {
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return err
	}
	return errors.Join(
		create(Key(dir, name), 0o600, "PRIVATE KEY", der),
		create(Cert(dir, name), 0o644, "CERTIFICATE", i.cert.Raw))
}

// create never writes to what somebody else has made meanwhile.
func create(name string, mode os.FileMode, kind string, der []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("devcerts: %w", err)
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Close())
}
