package session

import (
	"context"
	"log/slog"
)

// LogRequests returns a logger that adds to every line the request_id of the
// client of its context, unless the line has one.
func LogRequests(log *slog.Logger) *slog.Logger { return slog.New(requestLog{log.Handler()}) }

type requestLog struct{ slog.Handler }

func (h requestLog) Handle(ctx context.Context, r slog.Record) error {
	const key = "request_id"
	if id := clientOf(ctx).RequestID; id != "" {
		has := false
		r.Attrs(func(a slog.Attr) bool { has = a.Key == key; return !has })
		if !has {
			r = r.Clone()
			r.AddAttrs(slog.String(key, id))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestLog{h.Handler.WithAttrs(attrs)}
}

func (h requestLog) WithGroup(name string) slog.Handler { return requestLog{h.Handler.WithGroup(name)} }
