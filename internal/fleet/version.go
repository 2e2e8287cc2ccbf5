package fleet

import "runtime/debug"

const module = "github.com/curfew-auth/curfew"

// Version is that of this module, as the build has noted it down.
func Version() string {
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
