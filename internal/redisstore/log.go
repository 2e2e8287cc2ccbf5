package redisstore

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// SetLog sends what the Redis client has to say, which it otherwise prints on
// standard error, to log. The client has one logger for the whole process, so
// only a main function may call this.
func SetLog(log *slog.Logger) { redis.SetLogger(clientLog{log}) }

type clientLog struct{ slog *slog.Logger }

// Printf implements the client's interface. A failure that matters also comes
// as an error of the call that met it.
func (l clientLog) Printf(ctx context.Context, format string, args ...any) {
	if l.slog.Enabled(ctx, slog.LevelDebug) {
		l.slog.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, args...))
	}
}
