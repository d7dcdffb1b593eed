#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What is wrong with the input of a packaging script costs one clear line, and the exit status is
# not 0: wrong usage, missing files and tools, the wrong Wireshark, no root.
# usage: bad-input.sh
set -eu

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=0

# A system with a shell and little else.
mkdir "$work/bin" "$work/home"
for tool in sh cat dirname basename sed grep tr id uname env python3 head tail mkdir pwd cksum git mktemp rm; do
	path=$(command -v "$tool") && ln -sf "$path" "$work/bin/$tool"
done
chmod -R a+rX "$work"

# said TEXT COMMAND...: it must fail, and say one line with that text.
said() {
	text=$1
	shift
	tests=$((tests + 1))
	status=0
	"$@" >"$work/out" 2>&1 </dev/null || status=$?
	[ "$status" -ne 0 ] || { echo "bad-input: $*: succeeded" >&2 && exit 1; }
	[ "$(wc -l <"$work/out")" -eq 1 ] || { echo "bad-input: $*: said $(wc -l <"$work/out") lines: $(head -n 3 "$work/out" | tr '\n' '|')" >&2 && exit 1; }
	grep -qF -e "$text" "$work/out" || { echo "bad-input: $*: said \"$(cat "$work/out")\", expected \"$text\"" >&2 && exit 1; }
}
bare() {
	text=$1
	shift
	said "$text" env -i PATH="$work/bin" HOME="$work/home" "$@"
}

for script in install-plugin.sh install-extcap.sh check-elf.sh cross.sh deb-test.sh screenshot.sh; do
	said usage: "./$script"
done
for script in install-profile.sh check-licences.sh; do said usage: "./$script" --frobnicate; done
said 'usage: wireshark-env.sh' ./wireshark-env.sh --headers 4.4
said 'usage: deb.sh' ./deb.sh a b
said 'usage: static.sh' ./static.sh a b
said 'not known, expected scripts' ./check.sh frobnicate
said 'expected check, build or plugin' ./cross.sh frobnicate x86_64-freebsd
said 'plugin: not for' ./cross.sh plugin x86_64-musl
said 'expected x86_64 or aarch64' ./cross.sh build sparc64-freebsd
said 'expected x86_64 or aarch64' ./check-elf.sh sparc64-freebsd x
said 'no such file' ./check-elf.sh x86_64-freebsd "$work/nothing"
said 'expected a 64-bit ELF' ./check-elf.sh x86_64-freebsd ./check-elf.sh
said 'expected the built plugin' ./install-plugin.sh "$work/nothing"
said 'expected the built bblogdump' ./install-extcap.sh "$work/nothing"
said 'expected the built plugin' ./screenshot.sh "$work/nothing" "$work/nothing"
said 'no such file' ./freebsd/check-pkg.py "$work/nothing"
said 'bsdtar' ./freebsd/check-pkg.py ./check.sh
said 'no such folder' ./freebsd/crates.py --port "$work/nothing"
said 'No such file' ./freebsd/crates.py --lock "$work/nothing"
said 'no such folder' ./freebsd/tests/port.sh x86_64 "$work/nothing"
said 'no such program' ./freebsd/tests/rc.sh "$work/nothing"
# The wrong Wireshark; port.sh tries the port's own check.
[ ! -x ./wireshark-env.sh ] || said '3.6: not installed' ./wireshark-env.sh 3.6 true

touch "$work/file"
chmod a+r "$work/file"
bare 'tshark: not found' ./install-plugin.sh "$work/file"
bare 'tshark: not found' ./install-extcap.sh "$work/file"
bare 'tshark: not found' ./install-profile.sh
bare 'apt-get: not found' ./deb.sh
bare 'not found, expected a Debian system' ./cross.sh build x86_64-freebsd
bare 'cargo: not found' ./deps.sh
bare 'file: not found' ./check-elf.sh x86_64-freebsd "$work/file"
bare 'bmake: not found' ./freebsd/tests/port.sh
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	# The same script where anybody can read it.
	cp deb-test.sh "$work/deb-test.sh"
	said 'not root' setpriv --reuid 65534 --regid 65534 --clear-groups "$work/deb-test.sh" "$work"
else
	said 'not root' ./deb-test.sh "$work"
fi
echo "bad input: $tests times one clear line"
