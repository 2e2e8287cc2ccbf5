package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
	"github.com/curfew-auth/curfew/internal/devcerts"
)

func TestEncryption(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	if err := devcerts.Make(dir, nil); err != nil {
		t.Fatal(err)
	}
	ca, cert, key := devcerts.Cert(dir, devcerts.Authority), devcerts.Cert(dir, "edge"), devcerts.Key(dir, "edge")
	redis := "CURFEW_REDIS_URL=rediss://h:1"
	for name, c := range map[string]struct {
		env  []string
		says []string // none: good
	}{
		"everything":                   {env: append(devcerts.Settings(dir, "edge"), redis, "CURFEW_TLS_CLIENT_CA="+ca, "CURFEW_ISSUER_URL=https://i")},
		"a certificate without key":    {env: []string{"CURFEW_TLS_CERT=" + cert}, says: []string{"CURFEW_TLS_CERT", "without its key"}},
		"a key without certificate":    {env: []string{"CURFEW_NATS_KEY=" + key}, says: []string{"CURFEW_NATS_KEY", "without the cert"}},
		"another's key":                {env: []string{"CURFEW_TLS_CERT=" + cert, "CURFEW_TLS_KEY=" + devcerts.Key(dir, "nats")}, says: []string{"CURFEW_TLS_CERT", "does not match"}},
		"no such file":                 {env: []string{"CURFEW_NATS_CA=/nowhere"}, says: []string{"CURFEW_NATS_CA", "/nowhere"}},
		"a key for an authority":       {env: []string{"CURFEW_ISSUER_CA=" + key}, says: []string{"CURFEW_ISSUER_CA", "no certificate"}},
		"clients without us":           {env: []string{"CURFEW_TLS_CLIENT_CA=" + ca}, says: []string{"CURFEW_TLS_CLIENT_CA", "tls_cert"}},
		"plain Redis with authority":   {env: []string{"CURFEW_REDIS_CA=" + ca}, says: []string{"CURFEW_REDIS_CA", "rediss://"}},
		"no Redis with authority":      {env: []string{"CURFEW_REDIS_CA=" + ca, "CURFEW_REDIS_URL=none"}},
		"skip_verify":                  {env: []string{redis + "?skip_verify=true"}, says: []string{"CURFEW_REDIS_URL", "insecure_skip_verify"}},
		"skip_verify by name":          {env: []string{redis + "?skip_verify=true", "CURFEW_INSECURE_SKIP_VERIFY=nats, redis"}},
		"another's name":               {env: []string{redis + "?skip_verify=true", "CURFEW_INSECURE_SKIP_VERIFY=nats"}, says: []string{"CURFEW_REDIS_URL"}},
		"true is no name":              {env: []string{"CURFEW_INSECURE_SKIP_VERIFY=true"}, says: []string{"CURFEW_INSECURE_SKIP_VERIFY", "nats or redis or issuer or upstream"}},
		"a key where its path belongs": {env: []string{"CURFEW_NATS_CERT=" + cert, "CURFEW_NATS_KEY=-----BEGIN PRIVATE KEY-----"}, says: []string{"CURFEW_NATS_KEY", "want its path"}},
		"an upstream in plain text":    {env: []string{"CURFEW_UPSTREAM_CA=" + ca, "CURFEW_UPSTREAM=http://api"}, says: []string{"CURFEW_UPSTREAM:", "https://"}},
		"an issuer in plain text":      {env: []string{"CURFEW_ISSUER_CA=" + ca}, says: []string{"issuer_url", "https://"}},
		"keys in plain text":           {env: []string{"CURFEW_ISSUER_CA=" + ca, "CURFEW_ISSUER_URL=https://i", "CURFEW_JWKS_URL=http://i/jwks"}, says: []string{"CURFEW_JWKS_URL", "https://"}},
		"renewal in plain text":        {env: []string{"CURFEW_ISSUER_CA=" + ca, "CURFEW_ISSUER_URL=https://i", "CURFEW_RENEW=true", "CURFEW_RENEW_URL=http://i/r"}, says: []string{"CURFEW_RENEW_URL", "https://"}},
		"plain Redis unverified":       {env: []string{"CURFEW_INSECURE_SKIP_VERIFY=redis"}, says: []string{"CURFEW_INSECURE_SKIP_VERIFY", "rediss://"}},
		"a trusted issuer's in plain text": {
			env:  []string{`CURFEW_TRUSTED_ISSUERS=[{"issuer":"http://i","audience":"a","max_lifetime":"1h","ca":"` + ca + `"}]`},
			says: []string{"CURFEW_TRUSTED_ISSUERS", "entry 1: jwks_url", "https://"},
		},
		"upstream's": {env: []string{"CURFEW_UPSTREAM_CA=/nowhere"}, says: []string{"CURFEW_UPSTREAM_CA"}},
		"a trusted issuer's": {
			env:  []string{`CURFEW_TRUSTED_ISSUERS=[{"issuer":"https://i","audience":"a","max_lifetime":"1h","ca":"/nowhere"}]`},
			says: []string{"CURFEW_TRUSTED_ISSUERS", "entry 1: ca", "/nowhere"},
		},
	} {
		err := run(t, &config.Edge{}, nil, c.env)
		if len(c.says) == 0 && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
	var e config.Edge
	if err := run(t, &e, nil, []string{"CURFEW_INSECURE_SKIP_VERIFY=issuer,upstream", "CURFEW_ISSUER_URL=https://i"}); err != nil {
		t.Fatal(err)
	}
	if e.Encryption.NATS().Unverified || e.Encryption.Redis().Unverified || !e.Issuers().Unverified || !e.API().Unverified {
		t.Errorf("unverified: %+v", e.Encryption)
	}
}
