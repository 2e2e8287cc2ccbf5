package testenv

import (
	"bytes"
	"strings"
	"sync"
)

// Lines are what is written, to be read meanwhile. The zero value is empty.
type Lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is everything so far.
func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Count is how often text stands in it.
func (l *Lines) Count(text string) int { return strings.Count(l.String(), text) }
