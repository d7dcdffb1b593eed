#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs a command that is to use another Wireshark than the installed one, with our plugin for it.
#
# usage: wireshark-env.sh [--headers] VERSION COMMAND [ARGUMENT...]
#
# VERSION is 4.4 or 4.6, whose packages of Debian trixie and forky are unpacked, with headers, in a
# cache folder (250 MB each); the system is left alone. 4.0, or whatever is installed, is used as
# it is. The command finds in its environment
#
# BBLOG_TSHARK  tshark; sharkd, editcap, mergecap and capinfos are beside it
# BBLOG_PLUGIN  the plugin, built for that version in target/wireshark-VERSION
# PATH          with that tshark in front
#
# With --headers no plugin is built; the command's pkg-config finds that version's headers.
#
# The tests look for both. They run tshark as nobody if they are root: root's cache is therefore in
# /var/cache, and not in ~/.cache, unless XDG_CACHE_HOME says otherwise.
set -eu

fail() {
	echo "wireshark-env: $*" >&2
	exit 1
}

headers=
[ "${1:-}" != --headers ] || { headers=yes && shift; }
[ $# -ge 2 ] || fail "usage: wireshark-env.sh [--headers] VERSION COMMAND [ARGUMENT...]"
version=$1
shift
command -v pkg-config >/dev/null || fail "pkg-config: not found (make deps)"
case $(pkg-config --modversion wireshark 2>/dev/null) in "$version" | "$version".*) exec "$@" ;; esac
case $version in
4.4) suite=trixie ;;
4.6) suite=forky ;;
*) fail "$version: not installed, expected 4.4, 4.6 or the installed version" ;;
esac
[ "$(uname -s)" = Linux ] || fail "$(uname -s): not known, expected Linux"
for tool in apt-get dpkg cargo cc flock; do
	command -v "$tool" >/dev/null || fail "$tool: not found, expected a Debian system with cargo and gcc"
done
case $(dpkg --print-architecture) in
amd64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
arm64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
*) fail "$(dpkg --print-architecture): not known, expected amd64 or arm64" ;;
esac

sources=$(cd "$(dirname "$0")/.." && pwd)
home_cache=$HOME/.cache
[ "$(id -u)" -ne 0 ] || home_cache=/var/cache
cache=${XDG_CACHE_HOME:-$home_cache}/bblog
mkdir -p "$cache"
root=$cache/wireshark-$version
target=${CARGO_TARGET_DIR:-$sources/target}/wireshark-$version

# apt with lists and a cache of its own, as if nothing was installed.
own_apt() {
	apt-get -qq -y -o Dir::Etc::sourcelist="$root.new/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$root.new/lists" -o Dir::Cache="$root.new/cache" -o Dir::State::status=/dev/null \
		-o Acquire::Languages=none -o APT::Sandbox::User=root -o Debug::NoLocking=1 "$@"
}

fetch() {
	echo "fetching Wireshark $version of Debian $suite into $root" >&2
	rm -rf "$root.new"
	mkdir -p "$root.new/lists/partial" "$root.new/cache/archives/partial"
	mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
	[ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
	[ -n "$mirror" ] || fail "no Debian mirror found in /etc/apt, expected one"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$root.new/sources.list"
	own_apt update
	own_apt --no-install-recommends --download-only install tshark libwireshark-dev libwiretap-dev libwsutil-dev libglib2.0-dev
	for deb in "$root.new"/cache/archives/*.deb; do
		case ${deb##*/} in
		# Programs of the system, and libc's headers: the compiler here has its own.
		libc6-dev_* | linux-libc-dev_* | *python3* | dpkg_* | tar_* | perl* | tzdata_* | debconf_*) ;;
		*) dpkg -x "$deb" "$root.new" ;;
		esac
	done
	found=$(sed -n 's/^Version: *//p' "$root.new/usr/lib/$triplet/pkgconfig/wireshark.pc")
	case $found in "$version".*) ;; *) fail "Debian $suite: has Wireshark ${found:-not at all}, expected $version" ;; esac
	rm -rf "$root.new/lists" "$root.new/cache" "$root.new/sources.list" "$root"
	mv "$root.new" "$root"
}

# Programs that run with the libraries, libc included, of that version. They are started by the loader, so the
# loader's folder counts as theirs. tshark looks there for dumpcap and for the folder of extcap programs, a user's
# own too.
wrap() {
	mkdir -p "$root/bin" "$root/usr/lib/$triplet/extcap/wireshark"
	for wrapper in bin/tshark bin/sharkd bin/editcap bin/mergecap bin/capinfos "usr/lib/$triplet/dumpcap"; do
		program=${wrapper##*/}
		cat >"$root/$wrapper.new" <<-END
			#!/bin/sh
			lib=$root/usr/lib/$triplet
			WIRESHARK_DATA_DIR=$root/usr/share/wireshark exec "\$lib/$loader" --library-path "\$lib" $root/usr/bin/$program "\$@"
		END
		chmod 755 "$root/$wrapper.new"
		mv -f "$root/$wrapper.new" "$root/$wrapper"
	done
}

# One at a time may fill the cache.
exec 9>"$root.lock"
flock 9
[ -x "$root/usr/bin/sharkd" ] || fetch
wrap
flock -u 9
exec 9>&-

export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_LIBDIR="$root/usr/lib/$triplet/pkgconfig:$root/usr/share/pkgconfig"
[ -z "$headers" ] || exec "$@"
CARGO_TARGET_DIR=$target cargo build --quiet --locked --manifest-path "$sources/Cargo.toml" -p bblog-wireshark
BBLOG_TSHARK=$root/bin/tshark
BBLOG_PLUGIN=$target/debug/libbblog.so
PATH=$root/bin:$PATH
export BBLOG_TSHARK BBLOG_PLUGIN PATH
unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
"$BBLOG_TSHARK" --version 2>/dev/null | head -n 1
exec "$@"
