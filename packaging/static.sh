#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# bblog for any Linux of this machine's kind: one static program, to be unpacked and run, with its
# manual pages, completions and licence.
# usage: static.sh [OUT]   (default: target/static)
set -eu

fail() {
	echo "static: $*" >&2
	exit 1
}

[ $# -le 1 ] || fail "usage: static.sh [OUT]"
root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "${1:-$target/static}"
out=$(cd "${1:-$target/static}" && pwd)
for tool in strip tar xz; do
	command -v "$tool" >/dev/null || fail "$tool: not found"
done

log=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT
# cross.sh has a folder of its own for what it builds, unless told otherwise.
(unset CARGO_TARGET_DIR && "$root/packaging/cross.sh" build x86_64-musl) >"$log" || {
	tail -n 5 "$log" >&2
	fail "cross.sh build x86_64-musl: failed"
}
built=$(sed -n 's|^\(/.*/\)bblog$|\1|p' "$log")
[ -x "${built}bblog" ] || fail "cross.sh did not say where bblog is"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
name=bblog-$version-linux-x86_64
mkdir -p "$work/$name/man/man1" "$work/$name/man/man7" "$work/$name/completions"
strip -o "$work/$name/bblog" "${built}bblog"
cp "$root/LICENSE" "$root/README.md" "$root/CHANGELOG.md" "$work/$name/"
cp "$root/packaging/man/bblog.1" "$work/$name/man/man1/"
cp "$root/packaging/man/bblog-fields.7" "$work/$name/man/man7/"
for shell in bash fish zsh; do
	"$work/$name/bblog" completions "$shell" >"$work/$name/completions/bblog.$shell"
done

# It must run where there is nothing, not even a libc.
mkdir "$work/empty"
cp "$work/$name/bblog" "$root/tests/fixtures/rack_reqresp.tcplog" "$work/empty/"
if [ "$(id -u)" -eq 0 ]; then
	chroot "$work/empty" /bblog info /rack_reqresp.tcplog >"$log" || fail "bblog does not run in an empty root"
else
	"$work/empty/bblog" info "$work/empty/rack_reqresp.tcplog" >"$log" || fail "bblog does not run"
fi
grep -q 130 "$log" || fail "bblog info: said \"$(head -n 2 "$log" | tr '\n' ' ')\", expected 130 records"
tar -C "$work" --owner=0 --group=0 --sort=name -cJf "$out/$name.tar.xz" "$name"
echo "$out/$name.tar.xz"
