#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the plugin costs tshark: instructions, counted by callgrind, without it and with it. The start is measured
# with a capture of one record, and subtracted. A minute for each log.
#
# usage: bench-plugin.sh PLUGIN BBLOG [LOG...]   (default: shipped logs, repeated)
set -eu

fail() {
	echo "bench-plugin: $*" >&2
	exit 1
}

[ $# -ge 2 ] || fail "usage: bench-plugin.sh PLUGIN BBLOG [LOG...]"
plugin=$1 bblog=$2
shift 2
[ -f "$plugin" ] || fail "$plugin: no such file, expected the built plugin (make build)"
[ -x "$bblog" ] || fail "$bblog: no such program (make build)"
for tool in tshark valgrind; do
	command -v "$tool" >/dev/null || fail "$tool: not found"
done
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Wireshark ignores a user's plugins when it runs as root: then it runs as the user nobody.
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		set -- setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$work" "$@"
	fi
	env HOME="$work" LC_ALL=C.UTF-8 TZ=UTC "$@"
}

version=$(as_user tshark -G folders 2>/dev/null | sed -n 's/^Global Plugins:[[:space:]]*.*\///p')
[ -n "$version" ] || fail "tshark -G folders: no Global Plugins, expected one"
mkdir -p "$work/with/$version/epan" "$work/without"
cp "$plugin" "$work/with/$version/epan/bblog.so"

# Instructions of tshark with a folder of plugins, on a capture.
count() {
	folder=$1 capture=$2
	shift 2
	counted=$(as_user env WIRESHARK_PLUGIN_DIR="$work/$folder" valgrind --tool=callgrind \
		--callgrind-out-file=/dev/null tshark -r "$capture" "$@" 2>&1 >/dev/null | sed -n 's/.*Collected : //p')
	[ -n "$counted" ] || fail "callgrind counted nothing"
	echo "$counted"
}

# A line of the table: the label, the capture, and options of both.
line() {
	label=$1 capture=$2 mine=$3 stock=$4
	# shellcheck disable=SC2086 # lists of options
	without=$(($(count without "$capture" $stock) - start_without))
	# shellcheck disable=SC2086
	with=$(($(count with "$capture" $mine) - start_with))
	awk -v label="$label" -v a="$without" -v b="$with" \
		'BEGIN { printf "%-40s %10.1f %10.1f %8.2f\n", label, a / 1e6, b / 1e6, b / a }'
}

times=
if [ $# -eq 0 ]; then
	times=20
	set -- tests/fixtures/rack_tailloss_rto.tcplog tests/fixtures/bbr_120.tcplog tests/fixtures/default_verbose_20.tcplog
fi
"$bblog" convert --limit 1 "$1" -o "$work/one.pcapng" 2>/dev/null
chmod -R a+rwX "$work"
start_without=$(count without "$work/one.pcapng")
start_with=$(count with "$work/one.pcapng")
echo "start: $((start_without / 1000000)) million instructions, $(((start_with - start_without) / 1000)) thousand more with the plugin"
printf '%-40s %10s %10s %8s\n' "millions of instructions" without with ratio
for log; do
	name=${log##*/}
	"$bblog" convert --overwrite "$log" -o "$work/one-log.pcapng" 2>/dev/null
	: >"$work/log.pcapng"
	at=0
	while [ "$at" -lt "${times:-1}" ]; do
		cat "$work/one-log.pcapng" >>"$work/log.pcapng"
		at=$((at + 1))
	done
	chmod a+r "$work/log.pcapng"
	line "$name" "$work/log.pcapng" "" ""
	line "$name, -Y bblog.event==IN" "$work/log.pcapng" "-Y bblog.event==IN" "-Y bblog.event_id==1"
done
