// Package version says of which version of this module a program is made.
package version

import (
	"cmp"
	"runtime/debug"
)

const module = "github.com/curfew-auth/curfew"

// stamped is set by the linker (Makefile, Dockerfile): a build without a
// repository around it, or of a part of it, does not know its version.
var stamped string

// String is the version: what the linker was told, or else what the build has
// noted down, "dev" if neither says.
func String() string { return cmp.Or(stamped, noted(), "dev") }

// noted finds this module among what the program was built of, for programs of
// others that embed a guard.
func noted() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return ""
}
