#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs what building needs and this system lacks, and with the word "test" what testing needs.
# Prints what it runs; does nothing if all is there.
set -eu

fail() {
	echo "deps: $*" >&2
	exit 1
}

as_root() {
	[ "$(id -u)" -eq 0 ] || set -- sudo "$@"
	echo "+ $*"
	"$@"
}

command -v cargo >/dev/null || fail "cargo: not found, expected Rust 1.95 or newer"

case $(uname -s) in
Linux)
	command -v apt-get >/dev/null || fail "apt-get: not found, expected Debian or Ubuntu; install tshark, the Wireshark headers, libclang and pkg-config by hand"
	missing=
	# Pages are looked at in a browser, plots in xplot, screens in a terminal: building needs none.
	tests=
	[ "${1:-}" != test ] || tests="chromium python3-venv tcpdump tcsh tmux wireshark xdotool xplot-xplot.org xvfb"
	for package in $tests gcc gdb jq lldb mandoc python3-jsonschema tshark libwireshark-dev libwiretap-dev libwsutil-dev libglib2.0-dev libclang-dev pkg-config; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*" installed") ;;
		*)
			# pkgconf stands in for pkg-config on newer systems.
			[ "$package" = pkg-config ] && command -v pkg-config >/dev/null && continue
			missing="$missing $package"
			;;
		esac
	done
	[ -n "$missing" ] || exit 0
	as_root apt-get update
	# shellcheck disable=SC2086 # a list of packages
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
	;;
FreeBSD)
	missing=
	pkg info -e wireshark || pkg info -e wireshark-nox11 || missing="$missing wireshark-nox11"
	command -v tshark >/dev/null || missing="$missing tshark-nox11"
	command -v pkg-config >/dev/null || missing="$missing pkgconf"
	ls /usr/local/llvm*/lib/libclang.so >/dev/null 2>&1 || missing="$missing llvm"
	[ -n "$missing" ] || exit 0
	# shellcheck disable=SC2086 # a list of packages
	as_root pkg install -y $missing
	;;
*)
	fail "$(uname -s): not known, expected Linux or FreeBSD"
	;;
esac
