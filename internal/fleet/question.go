package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/curfew-auth/curfew/internal/events"
)

const (
	// maxEntries bounds a question.
	maxEntries  = 256
	maxQuestion = 1 << 20 // bytes on the wire
	maxAnswer   = 8 << 10 // bytes on the wire
)

var errBadQuestion = errors.New("fleet: bad question")

// An Entry is what of a revocation an edge must hold.
type Entry struct {
	Scope   events.Scope `json:"scope"`
	Issuer  string       `json:"iss"`
	Tenant  string       `json:"tenant,omitempty"`
	Subject string       `json:"sub"`
	Mode    events.Mode  `json:"mode,omitempty"`
	Stamp   int64        `json:"stamp"`
}

// EntryOf is the entry of a revocation.
func EntryOf(r events.Revocation) Entry {
	return Entry{r.Scope, r.Issuer, r.Tenant, r.Subject, r.Mode, r.Stamp}
}

// A question is: have you applied the log of Epoch up to Seq, and do you hold
// each of these? An edge answers once it has applied so much, and again when
// it holds more. Position alone would prove nothing: a log that was rolled
// back and went on has the same numbers for other messages.
type question struct {
	Nonce   string  `json:"nonce"`
	Epoch   string  `json:"epoch"` // as the issuer knows it; empty: any
	Seq     uint64  `json:"seq"`
	Entries []Entry `json:"entries"`
	// From is the asker's public key, for whom the answer is sealed.
	From string `json:"from"`
}

func decodeQuestion(data []byte) (q question, err error) {
	if len(data) > maxQuestion {
		return q, fmt.Errorf("%w: %d bytes", errBadQuestion, len(data))
	}
	if err := json.Unmarshal(data, &q); err != nil {
		return q, fmt.Errorf("%w: %w", errBadQuestion, err)
	}
	if q.Nonce == "" || len(q.Nonce) > maxText || len(q.Entries) == 0 || len(q.Entries) > maxEntries {
		return q, fmt.Errorf("%w: nonce of %d bytes, %d entries", errBadQuestion, len(q.Nonce), len(q.Entries))
	}
	return q, nil
}

// reached reports whether an edge that stands at pos may look for the entries.
func (q question) reached(pos events.Position) bool {
	return pos.Epoch != "" && (q.Epoch == "" || q.Epoch == pos.Epoch) && pos.Seq >= q.Seq
}

// missing lists the entries that holds denies.
func (q question) missing(holds func(Entry) bool) []int {
	var out []int
	for n, e := range q.Entries {
		if !holds(e) {
			out = append(out, n)
		}
	}
	return out
}

// understood reports whether an answer can be one to the question.
func (q question) understood(missing []int) bool {
	return !slices.ContainsFunc(missing, func(n int) bool { return n < 0 || n >= len(q.Entries) })
}

// An answer says which entries an edge does not hold, by their number. It
// echoes nonce and instance, so that neither an old answer nor one from before
// a restart counts. It is sealed (see [Life]).
type answer struct {
	Nonce    string `json:"nonce"`
	ID       string `json:"id"`
	Instance string `json:"instance"`
	Missing  []int  `json:"missing,omitempty"`
}
