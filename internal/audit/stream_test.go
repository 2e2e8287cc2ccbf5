package audit_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/curfew-auth/curfew/internal/audit"
	"github.com/curfew-auth/curfew/internal/testenv"
)

func (b *bench) streamConfig(t *testing.T) jetstream.StreamConfig {
	t.Helper()
	s, err := b.js.Stream(t.Context(), stream)
	testenv.Must(t, err)
	return s.CachedInfo().Config
}

// The stream is there before anything happens, with what is configured.
func TestRetentionOfANewStream(t *testing.T) {
	b := newBench(t, audit.Config{MaxAge: 3 * time.Hour, MaxBytes: 2 << 20})
	b.run(t)
	b.awaitRetention(t, 3*time.Hour, 2<<20)
	if c := b.streamConfig(t); c.Discard != jetstream.DiscardOld || c.Storage != jetstream.FileStorage {
		t.Errorf("got %+v", c)
	}
}

// Only the retention of an existing stream changes.
func TestRetentionOfAnExistingStream(t *testing.T) {
	b := newBench(t, audit.Config{MaxAge: 3 * time.Hour})
	made := jetstream.StreamConfig{
		Name: stream, Description: "the operator's", Subjects: []string{"curfew.test.session.>", "other"},
		MaxAge: time.Hour, MaxBytes: 5 << 20, MaxMsgs: 1000, Storage: jetstream.MemoryStorage, Duplicates: time.Minute,
	}
	_, err := b.js.CreateStream(t.Context(), made)
	testenv.Must(t, err)
	before := b.streamConfig(t)
	b.run(t)
	b.awaitRetention(t, 3*time.Hour, -1)
	before.MaxAge, before.MaxBytes = 3*time.Hour, -1
	if got := b.streamConfig(t); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", before) {
		t.Errorf("got  %+v\nwant %+v", got, before)
	}
}

// A retention that the server refuses is logged once, and events go on.
func TestRetentionThatCannotBeSet(t *testing.T) {
	b := newBench(t, audit.Config{MaxAge: time.Hour})
	_, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: stream, Subjects: []string{"curfew.test.session.*"}, Duplicates: 2 * time.Hour, // more than the age
	})
	testenv.Must(t, err)
	b.run(t)
	b.Record(numbered(1))
	b.wantNumbers(t, 1)
	testenv.Eventually(t, patience, func() error {
		if b.logs.Count("cannot set the audit stream's retention") != 1 {
			return errors.New("not logged")
		}
		return nil
	})
	if c := b.streamConfig(t); c.MaxAge != 0 {
		t.Errorf("max age %v", c.MaxAge)
	}
}

func (b *bench) awaitRetention(t *testing.T, age time.Duration, bytes int64) {
	t.Helper()
	testenv.Eventually(t, patience, func() error {
		s, err := b.js.Stream(t.Context(), stream)
		if err != nil {
			return err
		}
		if c := s.CachedInfo().Config; c.MaxAge != age || c.MaxBytes != bytes {
			return fmt.Errorf("max age %v, max bytes %d", c.MaxAge, c.MaxBytes)
		}
		return nil
	})
}
