package cli

import (
	"fmt"

	"github.com/curfew-auth/curfew/internal/config"
)

func usage(format string, args ...any) error {
	return &config.Invalid{Reason: fmt.Sprintf(format, args...)}
}

// Unconfirmed: what was asked for is taken and stays so, but it is not known to
// be everywhere.
type Unconfirmed struct{ Reason string }

func (u *Unconfirmed) Error() string { return u.Reason }

// ExitCode tells this apart from a failure: there is nothing to repeat.
func (u *Unconfirmed) ExitCode() int { return 3 }
