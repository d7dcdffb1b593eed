#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs tshark and sharkd with the plugin under valgrind, on samples and on damaged captures. Installs
# valgrind, and the names that it needs in libc, by apt-get if they are missing, and says so.
# usage: memcheck.sh
set -eu

fail() {
	echo "memcheck: $*" >&2
	exit 1
}

[ $# -eq 0 ] || fail "usage: memcheck.sh"
if ! command -v valgrind >/dev/null; then
	command -v apt-get >/dev/null || fail "valgrind: not found, and there is no apt-get"
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	echo "+ ${as_root:+sudo }apt-get install valgrind libc6-dbg"
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends valgrind libc6-dbg >/dev/null ||
		fail "apt-get install valgrind: failed (apt-get update?)"
fi
cd "$(dirname "$0")/.."
exec cargo test --locked -p bblog-tests --test memcheck -- --ignored --nocapture
