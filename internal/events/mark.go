package events

import "context"

// markHeader bears the mark of a record.
const markHeader = "Curfew-Mark"

// Marking is a log whose revocations bear a mark that only issuers can make, so
// that they may take them back from edges that they do not trust.
func Marking(log Log, mark func(data []byte) string) Log { return marking{log, mark} }

type marking struct {
	Log
	mark func([]byte) string
}

// Append implements Log.
func (l marking) Append(ctx context.Context, r Record) (uint64, error) {
	if r.Kind == KindRevocation {
		r.Mark = l.mark(r.Data)
	}
	return l.Log.Append(ctx, r)
}
