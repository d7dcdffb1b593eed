#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the Debian packages bblog and bblog-wireshark, by debhelper.
#
# usage: deb.sh [OUT]   (default: target/deb)
#
# debhelper rather than cargo-deb: one source makes two packages, of which one depends on the
# minor version of the Wireshark it was built with; what they need of the system is found out by
# dpkg-shlibdeps; and the tools are Debian's own, so nothing has to be compiled to package.
set -eu

fail() {
	echo "deb: $*" >&2
	exit 1
}

[ $# -le 1 ] || fail "usage: deb.sh [OUT]"
command -v apt-get >/dev/null || fail "apt-get: not found, expected Debian or Ubuntu"
root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
mkdir -p "$target" "${1:-$target/deb}"
target=$(cd "$target" && pwd)
out=$(cd "${1:-$target/deb}" && pwd)

missing=
for package in debhelper dpkg-dev fakeroot; do
	case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
	*" installed") ;;
	*) missing="$missing $package" ;;
	esac
done
if [ -n "$missing" ]; then
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || fail "not installed:$missing; and neither root nor sudo is there to do it"
		as_root=sudo
	fi
	echo "+ ${as_root:+sudo }apt-get install$missing"
	# shellcheck disable=SC2086 # lists of words
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
		fail "apt-get install$missing: failed (apt-get update?)"
fi
"$root/packaging/deps.sh"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
packaged=$(dpkg-parsechangelog -l "$root/packaging/debian/changelog" -S Version)
[ "$packaged" = "$version" ] || fail "packaging/debian/changelog: version $packaged, but the workspace's is $version"

work=$target/deb-build
rm -rf "$work"
mkdir -p "$work/bblog"
cp -R "$root/packaging/debian" "$work/bblog/debian"
cd "$work/bblog"
# -d: cargo may come from elsewhere than Debian.
ROOT=$root OUT=$target/release CARGO_TARGET_DIR=$target DEB_BUILD_OPTIONS=noautodbgsym \
	dpkg-buildpackage -b -uc -us -d >"$work/log" 2>&1 || {
	tail -n 20 "$work/log" >&2
	fail "dpkg-buildpackage failed, its output is $work/log"
}
for package in ../*.deb; do
	cp "$package" "$out/"
	echo "$out/${package##*/}"
done
