# Sourced by the ensure-* scripts: which package tool may be used, and how.
# shellcheck shell=sh

# as_root runs a command as root, if that is possible without a password.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

may_be_root() {
	[ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

# package_tool prints the tool to install with, or nothing.
package_tool() {
	if may_be_root; then
		for tool in apt-get apk dnf; do
			if command -v "$tool" >/dev/null 2>&1; then
				echo "$tool"
				return
			fi
		done
	fi
	if command -v brew >/dev/null 2>&1; then
		echo brew
	fi
}

# without_services runs a command as root while packages of Debian's family may
# not start the services that they bring. A policy that is there already stays.
without_services() {
	policy=${POLICY:-/usr/sbin/policy-rc.d}
	if [ -e "$policy" ]; then
		as_root "$@"
		return
	fi
	trap 'as_root rm -f "$policy"' EXIT # a policy left behind would keep every service from starting
	trap 'exit 1' HUP INT TERM
	as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >"$1" && chmod 755 "$1"' sh "$policy" || return
	as_root "$@"
}
