package token

import (
	"crypto"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An openIDProvider is an issuer with a discovery document.
func openIDProvider(t *testing.T, k *Keyring, document func(issuer string) string) string {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	mux.HandleFunc("/realm/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(document(s.URL + "/realm")))
	})
	mux.HandleFunc("/realm/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(k.JWKS()) })
	mux.HandleFunc("/moved/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/moved/.well-known/openid-configuration", http.StatusFound)
	})
	return s.URL + "/realm"
}

func TestDiscovery(t *testing.T) {
	k := testKeyring(t, map[string]crypto.Signer{"k-1": edKey(t)})
	for name, tc := range map[string]struct {
		document string // ISS is the issuer
		good     bool
	}{
		"good":               {`{"issuer":"ISS","jwks_uri":"ISS/keys","x":1}`, true},
		"another issuer":     {`{"issuer":"ISS/","jwks_uri":"ISS/keys"}`, false},
		"no issuer":          {`{"jwks_uri":"ISS/keys"}`, false},
		"no keys":            {`{"issuer":"ISS"}`, false},
		"keys without host":  {`{"issuer":"ISS","jwks_uri":"/realm/keys"}`, false},
		"keys in a file":     {`{"issuer":"ISS","jwks_uri":"file://localhost/etc/passwd"}`, false},
		"not JSON":           {`<html>`, false},
		"longer than 1 MiB":  {`{"issuer":"ISS","jwks_uri":"ISS/keys","x":"` + strings.Repeat("x", maxJWKS) + `"}`, false},
		"keys where no keys": {`{"issuer":"ISS","jwks_uri":"ISS/.well-known/openid-configuration"}`, false},
	} {
		issuer := openIDProvider(t, k, func(iss string) string { return strings.ReplaceAll(tc.document, "ISS", iss) })
		r := NewForeignKeys(issuer, "", nil, slog.New(slog.DiscardHandler))
		err := r.fetch(t.Context())
		_, keyErr := r.Key(t.Context(), "k-1")
		if tc.good != (err == nil) || tc.good != (keyErr == nil) || keyErr != nil && !errors.Is(keyErr, ErrKeysUnavailable) {
			t.Errorf("%s: %v, key: %v", name, err, keyErr)
		}
	}
	if _, err := discover(t.Context(), &http.Client{CheckRedirect: checkRedirect},
		strings.TrimSuffix(openIDProvider(t, k, nil), "realm")+"moved"); err == nil || !strings.Contains(err.Error(), "too many redirects") {
		t.Errorf("redirected for ever: %v", err)
	}
}

// TestDiscoveryKeepsToHTTPS: neither the document nor a redirect leads from https
// to where anybody on the way could put in keys.
func TestDiscoveryKeepsToHTTPS(t *testing.T) {
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/away") {
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(`{"issuer":"` + s.URL + `","jwks_uri":"http://` + r.Host + `/keys"}`))
	}))
	t.Cleanup(s.Close)
	client := s.Client()
	client.CheckRedirect = checkRedirect
	if _, err := discover(t.Context(), client, s.URL); err == nil || !strings.Contains(err.Error(), "no usable jwks_uri") {
		t.Errorf("keys over http: %v", err)
	}
	if _, err := discover(t.Context(), client, s.URL+"/away"); err == nil || !strings.Contains(err.Error(), "away from https") {
		t.Errorf("redirect to http: %v", err)
	}
	keys := NewRemoteKeys(s.URL+"/away", nil, slog.New(slog.DiscardHandler))
	keys.client.Transport = client.Transport
	if err := keys.fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "away from https") {
		t.Errorf("our own issuer's keys: %v", err)
	}
}
