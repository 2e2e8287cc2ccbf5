package fleet

import (
	"cmp"
	"runtime/debug"
)

const module = "github.com/curfew-auth/curfew"

// stamped is set by the linker (Makefile, Dockerfile): a build without a
// repository around it, or of a part of it, does not know its version.
var stamped string

// Version is that of this module: what the linker was told, or else as the
// build has noted it down.
func Version() string { return cmp.Or(stamped, noted()) }

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
