package events_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/events/memlog"
)

// "Issuers go by no edge's word": docs/consistency.md, What is assumed. Whoever may beat
// on the stand-ins' subject (an edge's password, where edges may stand in) has an issuer
// commit a beat for the question of another issuer. The first finds that the log has lost
// something and refuses; the edge writes the seal itself.
func TestIssuerAdmitsByTheSealOfAnEdge(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		log, x := memlog.New(), &memlog.Exchange{}
		appendRevocations(t, log, 0, 10)
		i := startIssuer(t, ctx, log, x)
		time.Sleep(time.Second)
		log.Remove(3) // answered 200 long ago; i will notice, and refuse
		second := read(ctx, log)
		synctest.Wait()
		l := &liar{Exchange: x}
		l.lie = func(ctx context.Context, q events.Question) (events.Answer, error) {
			if _, err := l.honest(ctx, q); err == nil {
				t.Error("the issuer answers for a log that has lost something")
			}
			state, err := log.State(ctx)
			if err != nil {
				return events.Answer{}, err
			}
			seq, beat := lastBeat(ctx, log, state.LastSeq)
			tally, _, err := second.Count(ctx, state) // the edge reads the log as well
			if err != nil {
				return events.Answer{}, err
			}
			data, _ := json.Marshal(events.Beat{By: events.RoleEdge, ID: "mallory", Nonce: "n", Seal: &events.Seal{
				Seq: seq, Nonce: beat.Nonce, State: state, Tally: tally,
			}})
			seal, err := log.Append(ctx, events.Record{Kind: events.KindBeat, StandIn: true, Data: data, TTL: time.Minute})
			return events.Answer{Epoch: state.Epoch, Seq: seq, Seal: seal}, err // one question: the path is empty
		}
		barrier := events.NewBarrier(log, second.Follower, events.RoleIssuer, "second", staleness/50)
		start := time.Now().Add(-time.Second)
		s := &events.Sync{
			Exchange: l, Follower: second.Follower, Barrier: barrier, Interval: staleness / 4,
			Elapsed: func() time.Duration { return time.Since(start) },
			Renew:   func(_, _ time.Duration) {}, Issuers: true, Log: slog.New(slog.DiscardHandler),
		}
		err := s.Round(ctx)
		if i.barrier.Admitted() {
			t.Error("the first has not noticed: this shows nothing")
		}
		if err == nil || barrier.Admitted() {
			t.Errorf("Round: %v; admitted %t: by the seal of an edge, for a log that has lost three revocations", err, barrier.Admitted())
		}
		if _, err := barrier.Confirm(ctx); err == nil {
			t.Error("... and answers for it")
		}
	})
}

func lastBeat(ctx context.Context, log events.Log, upTo uint64) (seq uint64, beat events.Beat) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for m, err := range log.Follow(ctx, events.Cursor{}) {
		if err != nil {
			return seq, beat
		}
		if b, ok := events.DecodeBeat(m); ok && b.Root != nil {
			seq, beat = m.Seq, b
		}
		if m.Seq >= upTo {
			return seq, beat
		}
	}
	return seq, beat
}
