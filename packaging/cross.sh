#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Compiles for FreeBSD, or for Linux without its libc, on a Debian machine: no root, no chroot.
#
# usage: cross.sh check|build|plugin TARGET
#
# TARGET is ARCH-freebsd or ARCH-musl, ARCH is x86_64 or aarch64. check finds type errors in
# dissector, pcapng, analysis, converter, capture and extcap, cfg(target_os = "freebsd") included. build makes bblog,
# bblogd and bblogdump, says where, and that they are for that system: FreeBSD programs need only libraries of
# its base system, musl ones need none. plugin makes Wireshark's plugin for FreeBSD, libbblog.so, for
# the Wireshark that pkg-config finds (wireshark-env.sh --headers): its headers, and glib's, are the
# same on FreeBSD but for what FreeBSD's own headers bring, which zig has.
#
# rustc with its library's source is one matching set of Debian packages, unpacked; the stock
# cargo builds std from that source. C code is compiled, and everything linked, by zig, which has
# musl and stubs of FreeBSD's libc. All of it, about 2 GB, stays in BBLOG_CACHE (~/.cache/bblog).
#
# BBLOG_CACHE      where tools are kept
# CARGO_TARGET_DIR where results go (BBLOG_CACHE/target)
# DEBIAN_SUITE     where rustc comes from (forky)
set -eu

fail() {
	echo "cross: $*" >&2
	exit 1
}

[ $# -eq 2 ] || fail "usage: cross.sh check|build|plugin TARGET"
mode=$1
case $mode in check | build | plugin) ;; *) fail "$mode: not known, expected check, build or plugin" ;; esac
arch=${2%-*}
case $2 in
x86_64-freebsd | aarch64-freebsd) target=$arch-unknown-freebsd zig_target=$arch-freebsd.14.0 ;;
x86_64-musl | aarch64-musl) target=$arch-unknown-linux-musl zig_target=$arch-linux-musl ;;
*) fail "$2: not known, expected x86_64 or aarch64 with -freebsd or -musl" ;;
esac
case $mode-$2 in plugin-*-musl) fail "plugin: not for $2, expected x86_64 or aarch64 with -freebsd" ;; esac
[ "$(uname -sm)" = "Linux x86_64" ] || fail "$(uname -sm): not known, expected Linux x86_64"
for tool in apt-get apt-cache dpkg cargo cc python3 file readelf flock; do
	command -v "$tool" >/dev/null || fail "$tool: not found, expected a Debian system with cargo, gcc, python3, file and binutils"
done
python3 -c 'import venv, ensurepip' 2>/dev/null || fail "python3 -m venv: does not work, expected the package python3-venv"

root=$(cd "$(dirname "$0")/.." && pwd)
cache=${BBLOG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bblog}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
osreldate=1400097 # FreeBSD 14.0
suite=${DEBIAN_SUITE:-forky}
zig_version=0.15.2
packages='-p bblog-dissector -p bblog-pcapng -p bblog-analysis -p bblog-converter -p bblog-capture -p bblog-extcap'

# One at a time may fill the cache.
exec 9>"$cache/lock"
flock 9

# apt with lists and a cache of its own: the system is left alone.
own_apt() {
	tool=$1
	shift
	"$tool" -qq -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache" \
		-o Dir::State::status=/dev/null -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

fetch_rust() {
	echo "fetching rustc of Debian $suite into $cache"
	rm -rf "$cache/rust.new" "$cache/apt"
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial" "$cache/rust.new/debs" "$cache/rust.new/src"
	mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
	[ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
	[ -n "$mirror" ] || fail "no Debian mirror found in /etc/apt, expected one"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$cache/apt/sources.list"
	own_apt apt-get update
	libstd=$(own_apt apt-cache depends libstd-rust-dev | sed -n 's/.*Depends: \(libstd-rust-[0-9.]*\).*/\1/p' | head -n 1)
	[ -n "$libstd" ] || fail "libstd-rust-dev: not found in Debian $suite"
	llvm=$(own_apt apt-cache depends "$libstd" | sed -n 's/.*Depends: \(libllvm[0-9.]*\).*/\1/p' | head -n 1)
	(
		cd "$cache/rust.new/debs"
		# shellcheck disable=SC2086 # llvm is a word or nothing
		own_apt apt-get download rustc libstd-rust-dev "$libstd" rust-src ${llvm:-libllvm22} libc6 libgcc-s1 \
			libstdc++6 zlib1g libzstd1 libedit2 libffi8 libxml2-16 libz3-4 libtinfo6 libbsd0 libmd0 liblzma5
	)
	for deb in "$cache"/rust.new/debs/*.deb; do
		case $deb in
		*/rust-src_*) dpkg --fsys-tarfile "$deb" | tar x -C "$cache/rust.new/src" --strip-components=4 --wildcards './usr/src/rustc-*/library' ;;
		*) dpkg -x "$deb" "$cache/rust.new/root" ;;
		esac
	done
	rm -rf "$cache/rust.new/debs" "$cache/apt" "$cache/rust"
	cat >"$cache/rust.new/rustc" <<-END
		#!/bin/sh
		lib=$cache/rust/root/usr/lib/x86_64-linux-gnu
		exec \$lib/ld-linux-x86-64.so.2 --library-path \$lib $cache/rust/root/usr/bin/rustc --sysroot $cache/rust/root/usr "\$@"
	END
	chmod +x "$cache/rust.new/rustc"
	mv "$cache/rust.new" "$cache/rust"
}

fetch_zig() {
	echo "fetching zig $zig_version into $cache"
	python3 -m venv "$cache/venv"
	"$cache/venv/bin/pip" install -q "ziglang==$zig_version"
	touch "$cache/venv/complete"
}

# Compiler, archiver and linker of the target.
make_tools() {
	tools=$cache/$target
	rm -rf "$tools"
	mkdir -p "$tools"
	# The crate cc says --target in LLVM's spelling, which zig does not know. Rust brings no start
	# files of its own here (link-self-contained=no); zig adds its own.
	cat >"$tools/cross-cc" <<-END
		#!/bin/sh
		for word; do
			shift
			case \$word in --target=*) ;; *) set -- "\$@" "\$word" ;; esac
		done
		exec $cache/venv/bin/python -m ziglang cc -target $zig_target "\$@"
	END
	cat >"$tools/cross-ar" <<-END
		#!/bin/sh
		exec $cache/venv/bin/python -m ziglang ar "\$@"
	END
	chmod +x "$tools/cross-cc" "$tools/cross-ar"
	case $target in
	*-freebsd) make_freebsd_linker ;;
	*) cp "$tools/cross-cc" "$tools/cross-link" ;;
	esac
	cksum <"$root/packaging/cross.sh" >"$tools/made-by"
}

# Stubs of four libraries that Rust's std names and zig lacks, and the note that tells the kernel
# which FreeBSD a program is for (--gc-sections drops zig's own).
make_freebsd_linker() {
	echo 'void bblog_stub(void) {}' >"$tools/stub.c"
	for library in kvm.7 memstat.3 procstat.1 devstat.7; do
		"$tools/cross-cc" -shared -nostdlib "-Wl,-soname,lib${library%.*}.so.${library#*.}" "$tools/stub.c" -o "$tools/lib${library%.*}.so"
	done
	cat >"$tools/note.s" <<-END
		.section .note.tag,"a",%note
		.p2align 2
		.4byte 8, 4, 1
		.asciz "FreeBSD"
		.p2align 2
		.4byte $osreldate
		.section .note.GNU-stack,"",%progbits
	END
	"$tools/cross-cc" -c "$tools/note.s" -o "$tools/note.o"
	cat >"$tools/cross-link" <<-END
		#!/bin/sh
		exec $tools/cross-cc \$BBLOG_LINK -L$tools "\$@" $tools/note.o
	END
	chmod +x "$tools/cross-link"
}

# Stands in for Wireshark's and glib's libraries, whose names (the sonames are upstream's) and symbols
# it has: the linker finds every symbol of the plugin there or in FreeBSD's libc, or fails.
make_wireshark_stubs() {
	pkg-config --exists wireshark || fail "Wireshark's headers: not found by pkg-config (wireshark-env.sh --headers)"
	folder=$(pkg-config --variable=libdir wireshark)
	case $folder in "${PKG_CONFIG_SYSROOT_DIR:-}"/*) ;; *) folder=${PKG_CONFIG_SYSROOT_DIR:-}$folder ;; esac
	stubs=$cache/$target/wireshark
	rm -rf "$stubs"
	mkdir -p "$stubs"
	for library in $(pkg-config --libs-only-l wireshark | tr ' ' '\n' | sed -n 's/^-l//p' | sort -u) wiretap; do
		real=$folder/lib$library.so
		[ -f "$real" ] || fail "$real: no such file"
		soname=$(readelf -dW "$real" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
		nm -D --defined-only "$real" | sed 's/^.* //; s/@.*//' | sort -u | sed 's/.*/.globl &\n&:/' >"$stubs/$library.s"
		"$cache/$target/cross-cc" -shared -nostdlib "-Wl,-soname,$soname" "$stubs/$library.s" -o "$stubs/lib$library.so"
	done
}

# The headers that bindgen reads are FreeBSD's, not this system's.
build_plugin() {
	make_wireshark_stubs
	include=$(echo "$cache"/venv/lib/python3*/site-packages/ziglang/lib/libc/include)
	[ -d "$include/generic-freebsd" ] || fail "$include: no headers of FreeBSD, expected those of zig $zig_version"
	export "BINDGEN_EXTRA_CLANG_ARGS_$lower=--sysroot=$stubs -isystem $include/$arch-freebsd-none -isystem $include/generic-freebsd"
	export BBLOG_LINK="-L$stubs -Wl,-z,defs" PKG_CONFIG_ALLOW_CROSS=1
	cargo build --release --locked -Zbuild-std=std,panic_unwind --target "$target" -p bblog-wireshark
	# What brandelf(1) does: zig's linker marks no library as FreeBSD's.
	printf '\011' | dd of="$CARGO_TARGET_DIR/$target/release/libbblog.so" bs=1 seek=7 conv=notrunc status=none
	packaging/check-elf.sh "$2" "$CARGO_TARGET_DIR/$target/release/libbblog.so"
	echo "$CARGO_TARGET_DIR/$target/release/libbblog.so"
}

export ZIG_GLOBAL_CACHE_DIR="$cache/zig" ZIG_LOCAL_CACHE_DIR="$cache/zig"
[ -x "$cache/rust/rustc" ] || fetch_rust
[ -e "$cache/venv/complete" ] || fetch_zig
[ "$(cat "$cache/$target/made-by" 2>/dev/null)" = "$(cksum <"$root/packaging/cross.sh")" ] || make_tools

export RUSTC="$cache/rust/rustc" RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$cache/rust/src/library"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
lower=$(echo "$target" | tr - _)
upper=$(echo "$lower" | tr '[:lower:]' '[:upper:]')
export "CC_$lower=$cache/$target/cross-cc" "AR_$lower=$cache/$target/cross-ar" "CARGO_TARGET_${upper}_LINKER=$cache/$target/cross-link"
case $target in
*-musl) export "CARGO_TARGET_${upper}_RUSTFLAGS=-Ctarget-feature=+crt-static -Clink-self-contained=no" ;;
esac
"$RUSTC" -V
cd "$root"
# shellcheck disable=SC2086 # a list of packages
case $mode in
check)
	cargo check --locked -Zbuild-std=std,panic_unwind --target "$target" $packages
	exit
	;;
plugin)
	build_plugin "$@"
	exit
	;;
build) cargo build --release --locked -Zbuild-std=std,panic_unwind --target "$target" $packages ;;
esac
for program in bblog bblogd bblogdump; do
	packaging/check-elf.sh "$2" "$CARGO_TARGET_DIR/$target/release/$program"
	echo "$CARGO_TARGET_DIR/$target/release/$program"
done
