package front

import (
	"errors"
	"sync"
	"time"
)

// errDraining is the reason that /readyz gives.
var errDraining = errors.New("draining: this service is about to end")

// A Drain is how a service ends without losing a request. First it is no longer
// ready, and every answer asks for its connection to be closed; after delay,
// when load balancers have noticed, it stops listening; then what runs may take
// up to finish to end. All listeners of a service share one. Its methods may be
// called by many goroutines.
type Drain struct {
	delay, finish time.Duration
	begun         chan struct{}
	begin         func() // closes begun, once
}

// NewDrain returns a drain that has not begun.
func NewDrain(delay, finish time.Duration) *Drain {
	begun := make(chan struct{})
	return &Drain{delay, finish, begun, sync.OnceFunc(func() { close(begun) })}
}

// Begun is closed when the drain begins: what lives for as long as its client
// likes, such as a stream of events, should end then.
func (d *Drain) Begun() <-chan struct{} { return d.begun }

// Ready returns nil until the drain begins; a nil Drain never does.
func (d *Drain) Ready() error {
	if d == nil {
		return nil
	}
	select {
	case <-d.begun:
		return errDraining
	default:
		return nil
	}
}
