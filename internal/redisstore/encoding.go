package redisstore

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/curfew-auth/curfew/internal/session"
)

var errMalformed = errors.New("redisstore: what Redis holds cannot be read")

// encodeSession gives the fields that the caller decides; the scripts add
// those that the server's clock decides.
func encodeSession(s session.Session) ([]any, error) {
	roles, err := json.Marshal(s.Roles)
	if err != nil {
		return nil, err
	}
	return []any{
		"issuer", s.Issuer, "tenant", s.Tenant, "user", s.UserID, "roles", roles, "scope", s.Scope,
		"device_id", s.Device.ID, "device_kind", s.Device.Kind, "device_name", s.Device.Name,
		"ip", s.IP, "user_agent", s.UserAgent,
	}, nil
}

// A decoder reads a script's answer and keeps the first error.
type decoder struct{ err error }

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errMalformed
	}
}

func (d *decoder) number(answer []string, i int) int64 {
	if i >= len(answer) {
		d.fail()
		return 0
	}
	n, err := strconv.ParseInt(answer[i], 10, 64)
	if err != nil {
		d.fail()
	}
	return n
}

func (d *decoder) millis(answer []string, i int) time.Time {
	return time.UnixMilli(d.number(answer, i))
}

func (d *decoder) salt(text string) (salt [16]byte) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(salt) {
		d.fail()
		return salt
	}
	return [16]byte(raw)
}

// session reads a hash as HGETALL lists it: field, value, field, value.
func (d *decoder) session(id string, pairs []string) session.Session {
	f := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		f[pairs[i]] = pairs[i+1]
	}
	s := session.Session{
		ID: id, Issuer: f["issuer"], Tenant: f["tenant"], UserID: f["user"], Scope: f["scope"],
		Device: session.Device{ID: f["device_id"], Kind: f["device_kind"], Name: f["device_name"]},
		IP:     f["ip"], UserAgent: f["user_agent"],
		CreatedAt: d.millis([]string{f["created"]}, 0),
		ExpiresAt: d.millis([]string{f["absolute"]}, 0),
		LastSeen:  d.millis([]string{f["seen"]}, 0),
	}
	if json.Unmarshal([]byte(f["roles"]), &s.Roles) != nil {
		d.fail()
	}
	return s
}

// decodeList reads one list per session: its sid, then its fields.
func decodeList(answer []any) ([]session.Session, error) {
	out := make([]session.Session, 0, len(answer))
	d := decoder{}
	for _, item := range answer {
		row, ok := item.([]any)
		texts := make([]string, 0, len(row))
		for _, v := range row {
			text, _ := v.(string)
			texts = append(texts, text)
		}
		if !ok || len(texts) == 0 {
			return nil, errMalformed
		}
		out = append(out, d.session(texts[0], texts[1:]))
	}
	return out, d.err
}
