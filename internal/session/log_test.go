package session_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/curfew-auth/curfew/internal/session"
)

func TestLogRequests(t *testing.T) {
	ctx := session.WithClient(t.Context(), session.Client{RequestID: "r-1"})
	for name, c := range map[string]struct {
		ctx  context.Context
		args []any
		want string
	}{
		"of a request":    {ctx, nil, "msg=m of=x request_id=r-1\n"},
		"of its own":      {ctx, []any{"request_id", "r-2"}, "msg=m of=x request_id=r-2\n"},
		"of no request":   {t.Context(), nil, "msg=m of=x\n"},
		"of no one known": {session.WithClient(t.Context(), session.Client{IP: "::1"}), nil, "msg=m of=x\n"},
	} {
		var out strings.Builder
		log := session.LogRequests(slog.New(slog.NewTextHandler(&out, nil))).With("of", "x")
		log.InfoContext(c.ctx, "m", c.args...)
		if !strings.HasSuffix(out.String(), c.want) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}
