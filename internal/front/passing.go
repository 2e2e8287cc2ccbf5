package front

import (
	"errors"
	"slices"
	"syscall"
)

// passing reports whether an accept error goes away by itself: the client was
// gone already, or the process or machine is short of descriptors or memory.
func passing(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{
		syscall.ECONNABORTED, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	}, errno)
}
