package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

// SignatureHeader carries t=<Unix seconds>,v1=<hex>, where the second is the
// HMAC-SHA256 of "<Unix seconds>.<body>". A receiver refuses what is old.
const SignatureHeader = "X-Curfew-Signature"

// Sign returns the value of SignatureHeader.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

type question struct {
	Username  string         `json:"username"`
	Password  string         `json:"password"`
	Tenant    string         `json:"tenant,omitempty"`
	IP        string         `json:"ip,omitempty"`
	UserAgent string         `json:"user_agent,omitempty"`
	Device    session.Device `json:"device,omitzero"`
}

type answer struct {
	UserID string   `json:"user_id"`
	Tenant string   `json:"tenant"`
	Roles  []string `json:"roles"`
	Scope  string   `json:"scope"`
}

// readAnswer takes who the webhook says it is. Fields that are not known are
// let pass. The tenant must be the one that was asked for, if one was.
func readAnswer(text []byte, asked string) (session.User, error) {
	var a answer
	if json.Unmarshal(text, &a) != nil { // its error quotes the answer
		return session.User{}, errors.New("an answer that is not the JSON expected")
	}
	if a.Tenant == "" {
		a.Tenant = asked
	}
	if asked != "" && a.Tenant != asked {
		return session.User{}, errors.New("an answer for another tenant than asked")
	}
	user := session.User{ID: a.UserID, Tenant: a.Tenant, Roles: a.Roles, Scope: a.Scope}
	if user.Tenant == "" {
		user.Tenant = session.DefaultTenant
	}
	if err := user.Check(); err != nil {
		return session.User{}, fmt.Errorf("an answer that cannot be used: %w", err)
	}
	return user, nil
}
