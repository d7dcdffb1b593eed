#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Programs and libraries must be for TARGET: FreeBSD's need nothing that its base system lacks,
# musl's need nothing at all.
# usage: check-elf.sh TARGET FILE...   (TARGET as for cross.sh)
set -eu

fail() {
	echo "check-elf: $*" >&2
	exit 1
}

[ $# -ge 2 ] || fail "usage: check-elf.sh TARGET FILE..."
target=$1
shift
case $target in
x86_64-*) machine='x86-64' ;;
aarch64-*) machine='ARM aarch64' ;;
*) fail "$target: not known, expected x86_64 or aarch64 with -freebsd or -musl" ;;
esac
for tool in file readelf; do
	command -v "$tool" >/dev/null || fail "$tool: not found, expected the packages file and binutils"
done

# What FreeBSD 14 and 15 have in /lib and /usr/lib.
base='lib(c\.so\.7|thr\.so\.3|m\.so\.5|gcc_s\.so\.1|util\.so\.(9|10)|rt\.so\.1|sys\.so\.7|lzma\.so\.5|z\.so\.6|kvm\.so\.7|memstat\.so\.3|procstat\.so\.1|devstat\.so\.7|execinfo\.so\.1)'
# A plugin finds these in the Wireshark that loads it.
wireshark='lib(wireshark|wsutil|wiretap|glib-2)[.-].*'

for path; do
	[ -f "$path" ] || fail "$path: no such file"
	kind=$(file -b "$path")
	case $kind in
	*"ELF 64-bit"*"$machine"*) ;;
	*) fail "$path: $kind, expected a 64-bit ELF for $machine" ;;
	esac
	needed=$(readelf -dW "$path" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	case $target in
	*-freebsd)
		case $path in
		# Libraries carry no note of the system, only its mark.
		*.so)
			allowed="$base|$wireshark"
			[ "$(readelf -hW "$path" | grep -c 'OS/ABI:.*FreeBSD')" -eq 1 ] || fail "$path: $kind, expected a FreeBSD library"
			;;
		*)
			allowed=$base
			case $kind in *"for FreeBSD "1[4-9]*) ;; *) fail "$path: $kind, expected a program for FreeBSD 14 or newer" ;; esac
			;;
		esac
		foreign=$(echo "$needed" | grep -vxE "$allowed|" | tr '\n' ' ' || true)
		[ -z "$foreign" ] || fail "$path: needs ${foreign}which FreeBSD's base system lacks"
		;;
	*-musl)
		[ -z "$needed" ] || fail "$path: needs $(echo "$needed" | tr '\n' ' ')expected a static program"
		case $kind in *FreeBSD*) fail "$path: $kind, expected a Linux program" ;; esac
		;;
	*) fail "$target: not known, expected x86_64 or aarch64 with -freebsd or -musl" ;;
	esac
	echo "${path##*/}: $(echo "$kind" | cut -d, -f1,2,4-6); needs $(echo "${needed:-nothing}" | tr '\n' ' ')"
done
