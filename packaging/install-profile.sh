#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Installs the Wireshark profile BBLog for whoever runs this: `wireshark -C BBLog`. Files of an
# older one that were changed are kept as NAME.old.
# usage: install-profile.sh
set -eu

fail() {
	echo "install-profile: $*" >&2
	exit 1
}

[ $# -eq 0 ] || fail "usage: install-profile.sh"
profile=$(cd "$(dirname "$0")" && pwd)/wireshark-profile/BBLog
command -v tshark >/dev/null || fail "tshark: not found (make deps)"
folder=$(tshark -G folders 2>/dev/null | sed -n 's/^Personal configuration:[[:space:]]*//p')
[ -n "$folder" ] || fail "tshark -G folders: no Personal configuration, expected one"
folder=$folder/profiles/BBLog
mkdir -p "$folder"
for file in "$profile"/*; do
	name=${file##*/}
	case $name in
	# Widths of columns: the user's own once Wireshark has run.
	recent) [ ! -e "$folder/$name" ] || continue ;;
	esac
	[ ! -e "$folder/$name" ] || cmp -s "$file" "$folder/$name" || mv -f "$folder/$name" "$folder/$name.old"
	cp "$file" "$folder/$name"
	chmod 644 "$folder/$name"
done
echo "installed $folder (wireshark -C BBLog)"
