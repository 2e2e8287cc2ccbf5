package config_test

import (
	"testing"

	"github.com/curfew-auth/curfew/internal/config"
)

func TestAuditBounds(t *testing.T) {
	good := []string{"AUDIT_MAX_AGE=1h", "AUDIT_MAX_AGE=87600h", "AUDIT_MAX_BYTES=0", "AUDIT_MAX_BYTES=1048576", "AUDIT_MAX_BYTES=1000000000000",
		"REFRESH_ALARM_COUNT=0", "REFRESH_ALARM_COUNT=1000000", "REFRESH_ALARM_WINDOW=1s", "REFRESH_ALARM_WINDOW=24h",
		"EVENT_STREAMS=1", "EVENT_STREAMS=10000"}
	bad := []string{"AUDIT_MAX_AGE=0", "AUDIT_MAX_AGE=59m", "AUDIT_MAX_AGE=87601h", "AUDIT_MAX_BYTES=-1", "AUDIT_MAX_BYTES=1048575",
		"REFRESH_ALARM_COUNT=-1", "REFRESH_ALARM_COUNT=1000001", "REFRESH_ALARM_WINDOW=0", "REFRESH_ALARM_WINDOW=25h",
		"EVENT_STREAMS=0", "EVENT_STREAMS=10001"}
	checkBounds(t, func(setting string) error {
		return run(t, &config.Issuer{}, nil, issuerEnv(t, "CURFEW_"+setting))
	}, good, bad)
}
