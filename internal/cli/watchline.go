package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/curfew-auth/curfew/internal/apiclient"
)

// print shows one event as one line.
func (w *watcher) print(e apiclient.Event) error {
	if w.t.out.json {
		return json.NewEncoder(w.t.out.w).Encode(map[string]any{"id": e.ID, "event": e.Kind, "data": e.Data})
	}
	var about struct {
		At        time.Time `json:"at"`
		Tenant    string    `json:"tenant"`
		UserID    string    `json:"user_id"`
		Username  string    `json:"username"`
		SessionID string    `json:"session_id"`
		IP        string    `json:"ip"`
		Action    string    `json:"action"`
		Scope     string    `json:"scope"`
		Subject   string    `json:"subject"`
		Actor     string    `json:"actor"`
		Reason    string    `json:"reason"`
	}
	if err := json.Unmarshal(e.Data, &about); err != nil {
		return errors.New("an event that is none; is the URL right?")
	}
	parts := []string{at(about.At), fmt.Sprintf("%-16s", e.Kind)}
	for _, p := range []struct{ name, value string }{
		{"tenant", about.Tenant}, {"user", about.UserID}, {"name", about.Username}, {"session", about.SessionID}, {"ip", about.IP},
		{"action", about.Action}, {"scope", about.Scope}, {"subject", about.Subject}, {"by", about.Actor}, {"reason", about.Reason},
	} {
		if p.value != "" {
			parts = append(parts, p.name+"="+p.value)
		}
	}
	_, err := fmt.Fprintln(w.t.out.w, printable(strings.Join(parts, "  ")))
	return err
}
