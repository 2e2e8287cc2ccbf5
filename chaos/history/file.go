package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrBadHistory is wrapped by every error about a history that cannot be read
// or was not recorded whole.
var ErrBadHistory = errors.New("history: bad history")

// maxLine bounds one operation in a file, in bytes.
const maxLine = 1 << 20

// Write writes a whole h in the form that Read reads.
func Write(w io.Writer, h History) error {
	if h.Dropped > 0 {
		return fmt.Errorf("%w: %d operations were dropped", ErrBadHistory, h.Dropped)
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(buf)
	for l := range h.lines() {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// Read reads a history that a Recorder streamed. On an error, such as a last
// line that was cut off, it returns what came before it as well.
func Read(r io.Reader) (History, error) { return read(r, MaxOps) }

func read(r io.Reader, limit int) (History, error) {
	var h History
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 1<<16), maxLine)
	n := 0
	for s.Scan() {
		n++
		if h.Len() >= limit {
			return h, fmt.Errorf("%w: line %d: more than %d operations", ErrBadHistory, n, limit)
		}
		if err := readLine(&h, s.Bytes()); err != nil {
			return h, fmt.Errorf("%w: line %d: %w", ErrBadHistory, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return h, fmt.Errorf("%w: line %d: %w", ErrBadHistory, n+1, err)
	}
	return h, nil
}

func readLine(h *History, data []byte) error {
	var l line
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the operation")
	}
	l.intern()
	if added := (&History{}); !l.addTo(added) {
		return errors.New("not exactly one operation")
	}
	l.addTo(h)
	return nil
}
