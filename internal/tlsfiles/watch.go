package tlsfiles

import (
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// lookEvery is how long a file may have changed without anybody noticing.
const lookEvery = time.Second

// renewEvery is how long a value is used although no file changes: the key of the
// tickets that TLS 1.2 resumes sessions by is part of it (RFC 9325 section 3.4).
const renewEvery = 24 * time.Hour

// A watched value is made of files. Safe for concurrent use.
type watched[T any] struct {
	files []string
	load  func() (T, error)
	log   *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   []stamp // of the files that the value, or the last failure, is made of
	failed bool
	loaded time.Time
	value  T
}

// A stamp tells two versions of a file apart.
type stamp struct {
	changed time.Time
	size    int64
}

func watch[T any](log *slog.Logger, load func() (T, error), files ...string) (*watched[T], error) {
	w := &watched[T]{files: files, load: load, log: log, looked: time.Now()}
	w.seen = w.stamps() // before they are read: what changes meanwhile is read again
	var err error
	w.value, err = load()
	w.loaded = time.Now()
	return w, err
}

// get looks at the files first, unless somebody just has.
func (w *watched[T]) get() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.looked) >= lookEvery {
		w.looked = now
		w.look()
	}
	return w.value
}

// look keeps the old value while the new files do not fit together: they may be half
// written. It tries again although nothing seems to have changed since.
func (w *watched[T]) look() {
	stamps := w.stamps()
	changed := !slices.Equal(stamps, w.seen)
	if !changed && !w.failed && time.Since(w.loaded) < renewEvery {
		return
	}
	fresh, err := w.load()
	if err == nil {
		w.value, w.loaded = fresh, time.Now()
	}
	switch {
	case err == nil && (changed || w.failed):
		w.log.Info("tls: files loaded anew", "files", w.files)
	case changed:
		w.log.Error("tls: files changed and cannot be used, going on with what they held before", "error", err)
	}
	w.seen, w.failed = stamps, err != nil
}

func (w *watched[T]) stamps() []stamp {
	stamps := make([]stamp, len(w.files))
	for i, name := range w.files {
		if info, err := os.Stat(name); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}
