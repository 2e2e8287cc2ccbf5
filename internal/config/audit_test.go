package config_test

import (
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
)

func TestAuditBounds(t *testing.T) {
	good := []string{"AUDIT_MAX_AGE=1h", "AUDIT_MAX_AGE=87600h", "AUDIT_MAX_BYTES=0", "AUDIT_MAX_BYTES=1048576", "AUDIT_MAX_BYTES=1000000000000"}
	bad := []string{"AUDIT_MAX_AGE=0", "AUDIT_MAX_AGE=59m", "AUDIT_MAX_AGE=87601h", "AUDIT_MAX_BYTES=-1", "AUDIT_MAX_BYTES=1048575"}
	checkBounds(t, func(setting string) error {
		return run(t, &config.Issuer{}, nil, issuerEnv(t, "CURFEW_"+setting))
	}, good, bad)
}
