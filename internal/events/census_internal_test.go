package events

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Whatever has been read beyond it, the census says of a description of the log
// what one who stopped reading there would say.
func TestCensusUpToAnyState(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Unix(1_700_000_000, 0)
	var all []Message
	for seq := range uint64(9000) {
		m := Message{
			Seq: seq + 1, Kind: KindRevocation, Time: start.Add(time.Duration(seq) * 100 * time.Millisecond),
			TTL: time.Duration(1+rng.IntN(30)) * time.Minute, Data: fmt.Append(nil, "revocation ", rng.IntN(5000)),
		}
		switch rng.IntN(10) {
		case 0:
			m.Kind = KindBeat
		case 1:
			m.Kind = KindGarbage
		case 2:
			m.Kind, m.TTL = KindGarbage, 0 // stays for ever
		}
		all = append(all, m)
	}
	for read := range len(all) {
		if read%499 != 0 {
			continue
		}
		var c census
		for _, m := range all[:read] {
			c.add(m)
		}
		for _, upTo := range []int{read, read - 1, read - 700, read - 1500, read - 6000} {
			if upTo < 0 {
				continue
			}
			s := State{LastSeq: uint64(upTo), Now: start.Add(time.Duration(upTo) * 100 * time.Millisecond)}
			got, ok := c.upTo(s)
			if far := read-upTo > censusRecent; ok == far {
				t.Fatalf("read %d, asked up to %d: ok %t", read, upTo, ok)
			}
			if want := brute(all[:upTo], s.Now); ok && got != want {
				t.Fatalf("read %d, asked up to %d: %+v, want %+v", read, upTo, got, want)
			}
		}
	}
}

func brute(read []Message, now time.Time) (t Tally) {
	for _, m := range read {
		if due := m.Time.Add(m.TTL).Unix() / 60; m.Kind != KindBeat && (m.TTL == 0 || due > now.Add(censusSlack).Unix()/60) {
			t.add(Tally{1, hashOf(m.Seq, m.Data)})
		}
	}
	return t
}

// The same text at another place is another message, and so is another text at the
// same place.
func TestHashTellsMessagesApart(t *testing.T) {
	seen := map[uint64]string{}
	for seq := range uint64(100) {
		for n := range 100 {
			name := fmt.Sprint(seq, " ", n)
			h := hashOf(seq, fmt.Append(nil, n))
			if was, ok := seen[h]; ok {
				t.Fatalf("%s and %s", was, name)
			}
			seen[h] = name
		}
	}
}
