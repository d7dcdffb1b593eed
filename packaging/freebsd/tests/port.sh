#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Checks the port with bmake and stand-ins for FreeBSD's bsd.port.*.mk: variables and install
# commands of both flavors, the packing list against the staged tree, and packages made from it.
# usage: port.sh [x86_64|aarch64 FOLDER]
#
# FOLDER has the cross-compiled programs (cross.sh build); without it stand-ins are staged, and no
# package is written. A flavor whose files FOLDER lacks is staged with stand-ins, and said so.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
freebsd=$(cd "$here/.." && pwd)
root=$(cd "$freebsd/../.." && pwd)
port=$freebsd/net/bblog
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "port: $*" >&2
	exit 1
}

case $# in
0) arch=x86_64 built= ;;
2) arch=$1 built=$2 ;;
*) fail "usage: port.sh [x86_64|aarch64 FOLDER]" ;;
esac
[ -z "$built" ] || [ -d "$built" ] || fail "$built: no such folder, expected the cross-compiled programs"
command -v bmake >/dev/null || fail "bmake: not found (apt-get install bmake)"

make_port() {
	flavor=$1
	shift
	bmake -C "$port" -m "$here/mk" FLAVOR="$flavor" WRKDIR="$work/$flavor" WRKSRC="$root" \
		CARGO_TARGET_DIR="$work/$flavor/target" CARGO_BUILD_TARGET="$arch-unknown-freebsd" STRIP= "$@"
}

# ask FLAVOR NAME: what a variable is.
ask() {
	make_port "$1" -V "\${$2}"
}

# variable FLAVOR NAME PATTERN
variable() {
	value=$(ask "$1" "$2") || fail "flavor $1: bmake -V $2 failed"
	# shellcheck disable=SC2254 # a pattern
	case $value in
	$3) ;;
	*) fail "flavor $1: $2 is \"$value\", expected \"$3\"" ;;
	esac
}

"$freebsd/crates.py" --check
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
[ "$(ask default FLAVORS)" = "default wireshark" ] || fail "FLAVORS is not \"default wireshark\""
variable default PKGNAME "bblog-$version"
variable wireshark PKGNAME "bblog-wireshark-$version"
variable default LICENSE BSD2CLAUSE
variable wireshark LICENSE GPLv2+
variable default USE_RC_SUBR bblogd
variable wireshark USE_RC_SUBR ''
variable default LIB_DEPENDS ''
variable wireshark LIB_DEPENDS 'libwireshark.so:net/wireshark*'
variable default CARGO_INSTALL no
! ask gui PKGNAME >/dev/null 2>&1 || fail "the flavor gui, which there is not, was accepted"

# The kernel must be new enough, and Wireshark the one the packing list names.
ignore=$(make_port default OSVERSION=1302001 -V "\${IGNORE}")
[ -n "$ignore" ] || fail "FreeBSD 13 was accepted"
mkdir -p "$work/tools"
# shellcheck disable=SC2016 # for the script made here
printf '#!/bin/sh\necho "${WIRESHARK_VERSION}"\n' >"$work/tools/pkg-config"
chmod +x "$work/tools/pkg-config"
abi=$(ask wireshark _WIRESHARK)
WIRESHARK_VERSION="$abi.9" PATH="$work/tools:$PATH" make_port wireshark pre-build >/dev/null 2>&1 || fail "Wireshark $abi was refused"
! said=$(WIRESHARK_VERSION=3.6.1 PATH="$work/tools:$PATH" make_port wireshark pre-build 2>/dev/null) || fail "Wireshark 3.6 was accepted for $abi"
case $said in *"but net/wireshark is 3.6.1"*) ;; *) fail "Wireshark 3.6 was refused with \"$said\"" ;; esac

for file in "$port"/pkg-descr*; do
	! grep -nE '^.{81}' "$file" || fail "${file##*/}: a line is longer than 80 characters"
done

for flavor in default wireshark; do
	out=$work/$flavor/target/$arch-unknown-freebsd/release
	stage=$work/$flavor/stage
	make_port "$flavor" -n stage >/dev/null || fail "flavor $flavor: bmake -n stage failed"
	# What cargo would have made.
	mkdir -p "$out"
	case $flavor in
	default) made='bblog bblogd' ;;
	wireshark) made='libbblog.so bblogdump' ;;
	esac
	real=${built:+yes}
	for file in $made; do
		if [ -n "$built" ] && [ -f "$built/$file" ]; then
			cp "$built/$file" "$out/$file"
			case $arch in x86_64) strip "$out/$file" ;; esac
		else
			real=
			printf '#!/bin/sh\necho "stand-in for %s $*"\n' "$file" >"$out/$file"
			chmod +x "$out/$file"
		fi
	done
	# The cross-compiled one does not run here.
	# shellcheck disable=SC2016 # for the script made here
	printf '#!/bin/sh\necho "completions of $2"\n' >"$work/completions"
	chmod +x "$work/completions"
	make_port "$flavor" _BBLOG="${BBLOG_HOST:-$work/completions}" stage >"$work/log" 2>&1 || fail "flavor $flavor: bmake stage failed: $(tail -n 3 "$work/log" | tr '\n' ' ')"
	prefix=$(ask "$flavor" PREFIX)
	(cd "$stage$prefix" && find . ! -type d | sed 's|^\./||' | sort) >"$work/staged"
	make_port "$flavor" plist | sed 's/^@[a-z]* //' | sort >"$work/listed"
	diff "$work/listed" "$work/staged" >"$work/diff" ||
		fail "flavor $flavor: packing list (<) and staged tree (>) differ: $(grep '^[<>]' "$work/diff" | tr '\n' ' ')"
	! grep -rlE '%%[A-Z_]+%%' "$stage" || fail "flavor $flavor: a %%NAME%% was not replaced"
	echo "flavor $flavor: $(wc -l <"$work/listed") files, packing list equal to the staged tree"

	[ -n "$real" ] || {
		[ -z "$built" ] || echo "flavor $flavor: no package, since $built lacks one of: $made"
		continue
	}
	for file in $made; do "$root/packaging/check-elf.sh" "$arch-freebsd" "$out/$file"; done
	depends=
	[ "$flavor" = default ] || depends="--depends wireshark=net/wireshark=$abi.0"
	# shellcheck disable=SC2086 # two words or none
	package=$("$freebsd/mkpkg.py" --port "$port" --flavor "$flavor" --stage "$stage" --arch "$arch" --out "${BBLOG_PKG_DIR:-$work/packages}" $depends)
	"$freebsd/check-pkg.py" "$package"
	# A checker that finds nothing is no check: one changed byte must be found.
	mkdir -p "$work/broken"
	python3 - "$package" "$work/broken/${package##*/}" <<'END'
import io, sys, tarfile
with tarfile.open(sys.argv[1]) as old, tarfile.open(sys.argv[2], "w:xz", format=tarfile.PAX_FORMAT, preset=0) as new:
    for entry in old:
        data = bytearray(old.extractfile(entry).read())
        if not entry.name.startswith("+"):
            data[-1] ^= 1
        new.addfile(entry, io.BytesIO(bytes(data)))
END
	! "$freebsd/check-pkg.py" "$work/broken/${package##*/}" 2>/dev/null || fail "check-pkg.py does not see a changed file"
done
