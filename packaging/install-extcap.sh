#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs bblogdump where the Wireshark that runs here looks for extcap programs: for everybody
# as root, for this user otherwise.
# usage: install-extcap.sh PROGRAM
set -eu

fail() {
	echo "install-extcap: $*" >&2
	exit 1
}

[ $# -eq 1 ] || fail "usage: install-extcap.sh PROGRAM"
[ -f "$1" ] || fail "$1: no such file, expected the built bblogdump (make build)"
command -v tshark >/dev/null || fail "tshark: not found (make deps)"
folders=$(tshark -G folders 2>/dev/null)
if [ "$(id -u)" -eq 0 ]; then
	# 4.0 has one name, later versions have two.
	folder=$(echo "$folders" | sed -n 's/^\(Global \)\{0,1\}[Ee]xtcap path:[[:space:]]*//p' | tail -n 1)
else
	folder=$(echo "$folders" | sed -n 's/^Personal [Ee]xtcap path:[[:space:]]*//p')
	# 4.0 does not print its own.
	[ -n "$folder" ] || folder=$(echo "$folders" | sed -n 's/^Personal configuration:[[:space:]]*\(.*\)/\1\/extcap/p')
	# Where later versions start a user's own programs too.
	global=$(echo "$folders" | sed -n 's/^Global Extcap path:[[:space:]]*//p')
	[ -z "$global" ] || [ -d "$global" ] || fail "$global: no such folder; without it Wireshark starts no extcap program (as root: mkdir -p)"
fi
[ -n "$folder" ] || fail "tshark -G folders: no extcap path, expected one"
mkdir -p "$folder"
cp "$1" "$folder/.bblogdump.new"
chmod 755 "$folder/.bblogdump.new"
mv -f "$folder/.bblogdump.new" "$folder/bblogdump"
echo "installed $folder/bblogdump"
