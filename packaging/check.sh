#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Checks the packaging; installs by apt-get what it needs and this system lacks, and says so.
#
# usage: check.sh [NAME...]
#
# NAME is one of: scripts, inputs, licences, man, rc, port, binaries, static, deb; the first six if
# none is given. The others compile first, which takes minutes: binaries for FreeBSD (BBLOG_ARCHS,
# x86_64 if unset), where programs must need only its base system and the plugin Wireshark, and the
# real packages of both flavors are written and read back; static for Linux without its libc; deb makes Debian packages, and as root installs
# them in a throw-away layer.
set -eu

fail() {
	echo "packaging-check: $*" >&2
	exit 1
}

cd "$(dirname "$0")/.."

# need COMMAND PACKAGE...
need() {
	missing=
	while [ $# -ge 2 ]; do
		command -v "$1" >/dev/null || missing="$missing $2"
		shift 2
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || fail "not installed:$missing; and there is no apt-get"
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || fail "not installed:$missing; and neither root nor sudo is there to do it"
		as_root=sudo
	fi
	echo "+ ${as_root:+sudo }apt-get install$missing"
	# shellcheck disable=SC2086 # lists of words
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
		fail "apt-get install$missing: failed (apt-get update?)"
}

check_scripts() {
	need shellcheck shellcheck
	find packaging python tests -name '*.sh' -exec shellcheck {} +
	shellcheck -s sh packaging/freebsd/tests/rc.subr
	# rc.subr(8) reads the variables that seem unused.
	sed 's|%%PREFIX%%|/usr/local|g' packaging/freebsd/net/bblog/files/bblogd.in | shellcheck -s sh -e SC1091,SC2034 -
	find packaging -name '*.py' -exec python3 -c 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]' {} +
	echo "scripts: shellcheck is content"
}

check_inputs() {
	need bsdtar libarchive-tools
	packaging/tests/bad-input.sh
}

check_licences() {
	packaging/check-licences.sh
}

check_man() {
	need mandoc mandoc
	pages=$(find packaging/man -name '*.[1-9]' 2>/dev/null | sort)
	[ -n "$pages" ] || {
		echo "man: no pages yet"
		return 0
	}
	# shellcheck disable=SC2086 # a list of files
	mandoc -T lint -W warning $pages
	echo "man: mandoc is content with $(echo "$pages" | tr '\n' ' ')"
}

check_rc() {
	bblogd=${CARGO_TARGET_DIR:-target}/release/bblogd
	# shellcheck disable=SC2046 # a word or none
	packaging/freebsd/tests/rc.sh $([ ! -x "$bblogd" ] || echo "$bblogd")
}

check_port() {
	need bmake bmake
	packaging/freebsd/tests/port.sh
}

check_binaries() {
	need bmake bmake bsdtar libarchive-tools file file readelf binutils
	wireshark=$(sed -n 's/^_WIRESHARK=[[:space:]]*//p' packaging/freebsd/net/bblog/Makefile)
	for arch in ${BBLOG_ARCHS:-x86_64}; do
		folder=$(packaging/cross.sh build "$arch-freebsd" | sed -n 's|^\(/.*\)/bblogd$|\1|p')
		[ -d "$folder" ] || fail "cross.sh did not say where the programs are"
		packaging/wireshark-env.sh --headers "$wireshark" packaging/cross.sh plugin "$arch-freebsd"
		packaging/freebsd/tests/port.sh "$arch" "$folder"
	done
}

check_static() {
	need file file readelf binutils xz xz-utils
	packaging/static.sh
}

check_deb() {
	need lintian lintian tshark tshark
	packaging/deb.sh
	packaging/deb-test.sh "${CARGO_TARGET_DIR:-target}/deb"
}

[ $# -gt 0 ] || set -- scripts inputs licences man rc port
for name; do
	case $name in
	scripts | inputs | licences | man | rc | port | binaries | static | deb) "check_$name" ;;
	*) fail "$name: not known, expected scripts, inputs, licences, man, rc, port, binaries, static or deb" ;;
	esac
done
