#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Tests the plugin with its C shim built by AddressSanitizer and UndefinedBehaviorSanitizer, in the
# installed Wireshark: whatever they find ends tshark, and so fails a test.
#
# usage: sanitize.sh [ARGUMENT...]   (of cargo test; default: every test of what the plugin shows, and
#                                     damaged captures, BBLOG_MUTATIONS of them)
set -eu

fail() {
	echo "sanitize: $*" >&2
	exit 1
}

cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- --test 'wireshark*' --test mutations
cc=${CC:-cc}
preload=
for library in libasan.so libubsan.so; do
	path=$("$cc" -print-file-name="$library")
	[ -f "$path" ] || fail "$library: not found, expected gcc's"
	preload=$preload${preload:+:}$path
done
target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
BBLOG_SANITIZE=address,undefined CARGO_TARGET_DIR=$target/sanitize cargo build --locked -p bblog-wireshark
BBLOG_PLUGIN=$target/sanitize/debug/libbblog.so BBLOG_PRELOAD=$preload
export BBLOG_PLUGIN BBLOG_PRELOAD
exec cargo test --locked -p bblog-tests --no-fail-fast "$@"
