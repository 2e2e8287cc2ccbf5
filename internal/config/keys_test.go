package config_test

import (
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
)

func TestKeyBounds(t *testing.T) {
	good := []string{
		"KEY_ALGORITHM=ES256", "KEY_ALGORITHM=RS256", "KEY_PUBLISH_DELAY=5s", "KEY_RETIRE_MARGIN=24h", "KEY_ROTATE_EVERY=1h", "KEY_ROTATE_EVERY=0",
	}
	bad := []string{
		"KEY_ALGORITHM=eddsa", "KEY_ALGORITHM=none", "HS256_SECRET=" + goodToken, "KEY_PUBLISH_DELAY=4s", "KEY_PUBLISH_DELAY=25h",
		"KEY_RETIRE_MARGIN=0", "KEY_ROTATE_EVERY=59m", "KEY_ROTATE_EVERY=-1h",
	}
	checkBounds(t, func(setting string) error {
		return run(t, &config.Issuer{}, nil, issuerEnv(t, "CURFEW_"+setting))
	}, good, bad)
}

func TestSharedSecret(t *testing.T) {
	if err := run(t, &config.Issuer{}, nil, issuerEnv(t, "CURFEW_KEY_ALGORITHM=HS256")); err == nil || !strings.Contains(err.Error(), "hs256_secret: HS256 needs it") {
		t.Errorf("HS256 without a secret: %v", err)
	}
	for secret, good := range map[string]bool{goodToken: true, goodToken[:31]: false, strings.Repeat("x", 4097): false} {
		issuer := run(t, &config.Issuer{}, nil, issuerEnv(t, "CURFEW_KEY_ALGORITHM=HS256", "CURFEW_HS256_SECRET="+secret))
		edge := run(t, &config.Edge{}, nil, []string{"CURFEW_HS256_SECRET=" + secret})
		for _, err := range []error{issuer, edge} {
			if (err == nil) != good || err != nil && (strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "hs256_secret") && !strings.Contains(err.Error(), "HS256_SECRET")) {
				t.Errorf("%d bytes: %v, want good %v, and the secret never shown", len(secret), err, good)
			}
		}
	}
}
