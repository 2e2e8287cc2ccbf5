package history

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Decision is what one edge process noted of one request that it decided from
// its own copy. Numbers order the steps of one process. Instants are readings of
// the clock that counts time asleep, which all processes of a machine share.
type Decision struct {
	Clear bool
	// Window is the number of the step that read as of when the copy is
	// complete, 0 if it was not; Search that before the search.
	Window, Search   uint64
	AsOf             time.Duration
	From, Until, Now time.Duration // of the window, and the clock
	IDs              [3]uint64
}

// A Kept is an id that the copy holds from that step on.
type Kept struct {
	Number, ID uint64
	Until      time.Duration
}

// A Taken is a revocation that was read from the log into the copy.
type Taken struct {
	Number, Epoch, Seq, ID uint64
	TTL, Now               time.Duration
}

// A Renewal is about to say that the copy, which holds the log up to Seq, is
// complete as of AsOf.
type Renewal struct {
	Number, Epoch, Seq uint64
	AsOf, Now          time.Duration
}

// Steps are the steps of one process.
type Steps struct {
	Name      string
	Decisions []Decision
	Kept      []Kept
	Taken     []Taken
	Renewals  []Renewal
}

const (
	stepWords = 11
	stepSize  = 8 * stepWords

	stepDecision = 1
	stepKept     = 2
	stepTaken    = 3
	stepRenewal  = 4

	answerClear = 1
)

// ReadSteps reads the trace that an edge built with the tag curfewtrace left. A
// last record that was cut off is left out: its process was killed.
func ReadSteps(name string, r io.Reader) (Steps, error) {
	s := Steps{Name: name}
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		var record [stepSize]byte
		switch _, err := io.ReadFull(in, record[:]); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			s.sort()
			return s, nil
		case err != nil:
			return s, err
		}
		var w [stepWords]uint64
		for i := range w {
			w[i] = binary.LittleEndian.Uint64(record[8*i:])
		}
		if !s.add(w) {
			return s, fmt.Errorf("%w: %s: record %d is of no known kind", ErrBadHistory, name, n)
		}
	}
}

func (s *Steps) add(w [stepWords]uint64) bool {
	at := func(i int) time.Duration { return time.Duration(w[i]) }
	switch w[0] & 0xff {
	case stepDecision:
		s.Decisions = append(s.Decisions, Decision{
			Clear: w[0]>>8 == answerClear, Window: w[1], Search: w[2], AsOf: at(3),
			From: at(4), Until: at(5), Now: at(6), IDs: [3]uint64(w[7:10]),
		})
	case stepKept:
		s.Kept = append(s.Kept, Kept{w[1], w[2], at(3)})
	case stepTaken:
		s.Taken = append(s.Taken, Taken{w[1], w[2], w[3], w[4], at(5), at(6)})
	case stepRenewal:
		s.Renewals = append(s.Renewals, Renewal{w[1], w[2], w[3], at(4), at(5)})
	default:
		return false
	}
	return true
}

func (s *Steps) sort() {
	slices.SortFunc(s.Kept, func(a, b Kept) int { return cmp.Compare(a.Number, b.Number) })
	slices.SortFunc(s.Taken, func(a, b Taken) int { return cmp.Compare(a.Number, b.Number) })
	slices.SortFunc(s.Renewals, func(a, b Renewal) int { return cmp.Compare(a.Number, b.Number) })
}
