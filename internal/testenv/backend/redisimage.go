//go:build unix

package backend

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/redis/go-redis/v9"
)

// Image takes an image (RDB) of what the server holds, as a backup would.
func (r *Redis) Image(ctx context.Context) ([]byte, error) {
	err := r.talk(ctx, func(ctx context.Context, c *redis.Client) error { return c.Save(ctx).Err() })
	if err != nil {
		return nil, fmt.Errorf("backend: %s: image: %w", r.Name(), err)
	}
	return os.ReadFile(filepath.Join(r.data(), "dump.rdb"))
}

// RestoreImage starts a stopped server with what the image holds, and nothing
// that came later.
func (r *Redis) RestoreImage(ctx context.Context, image []byte) error {
	if err := wipe(r.Process, r.data()); err != nil {
		return err
	}
	if err := os.Mkdir(r.data(), 0o700); err != nil {
		return err
	}
	name := "dump.rdb"
	if r.opts.AppendOnly {
		name = "appendonly.aof" // an image is a good beginning of one, and dump.rdb would not be read
	}
	if err := os.WriteFile(filepath.Join(r.data(), name), image, 0o600); err != nil {
		return err
	}
	return r.Restart(ctx)
}
