#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs the Wireshark plugin where the Wireshark that runs here looks for it: for everybody
# as root, for this user otherwise (Wireshark ignores a user's plugins when it runs as root).
# usage: install-plugin.sh LIBRARY
set -eu

fail() {
	echo "install-plugin: $*" >&2
	exit 1
}

[ $# -eq 1 ] || fail "usage: install-plugin.sh LIBRARY"
[ -f "$1" ] || fail "$1: no such file, expected the built plugin (make build)"
command -v tshark >/dev/null || fail "tshark: not found (make deps)"
[ "$(id -u)" -eq 0 ] && kind=Global || kind=Personal
folder=$(tshark -G folders 2>/dev/null | sed -n "s/^$kind Plugins:[[:space:]]*//p")
[ -n "$folder" ] || fail "tshark -G folders: no $kind Plugins, expected one"
mkdir -p "$folder/epan"
# Renamed into place: a running Wireshark keeps the library it has mapped.
cp "$1" "$folder/epan/.bblog.so.new"
chmod 755 "$folder/epan/.bblog.so.new"
mv -f "$folder/epan/.bblog.so.new" "$folder/epan/bblog.so"
echo "installed $folder/epan/bblog.so"
