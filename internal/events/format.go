package events

import "github.com/nats-io/nats.go"

// Every record bears its format in a header. What others can be made to write on
// our subjects, such as an acknowledgement to a reply subject that is one of ours,
// has none.
const (
	formatHeader = "Curfew-Format"
	format       = "1"
)

// sorted tells a revocation from what merely stands on its subject. Issuers of
// older versions set no format: what can be read without one is a revocation.
// What has one and cannot be read is a revocation of a newer version. An empty one is
// none, whatever its header: a consumer may be told to deliver headers alone, and to
// where they are stored again.
func sorted(kind Kind, h nats.Header, data []byte) Kind {
	if kind != KindRevocation || h.Get(formatHeader) != "" && len(data) > 0 {
		return kind
	}
	if _, err := DecodeRevocation(data); err != nil {
		return KindGarbage
	}
	return kind
}
