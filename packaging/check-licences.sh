#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every source file says its licence: GPL-2.0-or-later in wireshark-plugin/, BSD-2-Clause
# elsewhere. Rust files and tables may leave it to the licence field of their crate's Cargo.toml.
# usage: check-licences.sh [--strict | --fix]
#
# --strict  they may not
# --fix     writes the line into files that lack it
set -eu

fail() {
	echo "licences: $*" >&2
	exit 1
}

strict='' fix=''
case ${1:-} in
'') ;;
--strict) strict=yes ;;
--fix) strict=yes fix=yes ;;
*) fail "usage: check-licences.sh [--strict | --fix]" ;;
esac
cd "$(dirname "$0")/.."
command -v git >/dev/null || fail "git: not found"

grep -q '^BSD 2-Clause License' LICENSE || fail "LICENSE: not the BSD 2-Clause License"
grep -q 'GNU GENERAL PUBLIC LICENSE' wireshark-plugin/COPYING || fail "wireshark-plugin/COPYING: not the GNU GPL"

# The licence that a crate's manifest names.
crate_licence() {
	if grep -q '^license\.workspace = true' "$1/Cargo.toml"; then
		sed -n '/^\[workspace\.package\]/,/^\[/s/^license = "\(.*\)"/\1/p' Cargo.toml
	else
		sed -n 's/^license = "\(.*\)"/\1/p' "$1/Cargo.toml"
	fi
}

# add FILE LICENCE: the line, as a comment, first or below #!.
add() {
	case $1 in
	*.rs | *.c | *.h) mark='//' ;;
	*.lua) mark='--' ;;
	*) mark='#' ;;
	esac
	at=1
	case $(head -n 1 "$1") in '#!'*) at=2 ;; esac
	awk -v at="$at" -v line="$mark SPDX-License-Identifier: $2" 'NR == at { print line } { print }' "$1" >"$list.new"
	cat "$list.new" >"$1"
	rm -f "$list.new"
}

list=$(mktemp)
trap 'rm -f "$list"' EXIT
# Tracked and new files, without ignored ones; deleted ones are not there any more.
git ls-files -co --exclude-standard |
	grep -E '\.(rs|c|h|sh|py|lua|tbl|schema|subr)$|/rc\.subr$' | sort -u >"$list"
files=0 own=0 bad=0
while read -r file; do
	[ -f "$file" ] || continue
	files=$((files + 1))
	case $file in
	wireshark-plugin/*) expected=GPL-2.0-or-later ;;
	*) expected=BSD-2-Clause ;;
	esac
	found=$(sed -n '1,5s/.*SPDX-License-Identifier: \([A-Za-z0-9.+-]*\).*/\1/p' "$file" | head -n 1)
	if [ -n "$found" ]; then
		own=$((own + 1))
	elif [ -z "$strict" ]; then
		case $file in
		*.rs | *.tbl | *.schema)
			crate=${file%%/*}
			[ ! -f "$crate/Cargo.toml" ] || found=$(crate_licence "$crate")
			;;
		esac
	fi
	if [ -z "$found" ] && [ -n "$fix" ]; then
		add "$file" "$expected"
		found=$expected own=$((own + 1))
	fi
	[ "$found" = "$expected" ] || {
		echo "licences: $file: ${found:-no SPDX-License-Identifier}, expected $expected" >&2
		bad=$((bad + 1))
	}
done <"$list"
[ "$bad" -eq 0 ] || fail "$bad of $files files do not say their licence"
[ "$own" -eq "$files" ] && others='' || others=", the others by their crate's"
echo "licences: $files files, $own with their own SPDX line$others"
