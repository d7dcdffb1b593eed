#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Tests the Debian packages: lintian, then installs, uses and removes them in a throw-away layer
# over this system (overlayfs), which itself stays as it is.
#
# usage: deb-test.sh FOLDER
set -eu

fail() {
	echo "deb-test: $*" >&2
	exit 1
}

[ $# -eq 1 ] || fail "usage: deb-test.sh FOLDER"
[ "$(id -u)" -eq 0 ] || fail "not root, which mount(8) and dpkg need"
folder=$(cd "$1" 2>/dev/null && pwd) || fail "$1: no such folder, expected the packages (make deb)"
for package in bblog bblog-wireshark; do
	[ "$(find "$folder" -name "${package}_*.deb" | wc -l)" -eq 1 ] || fail "$folder: not one package $package"
done
for tool in lintian tshark setpriv chroot; do
	command -v "$tool" >/dev/null || fail "$tool: not found"
done
root=$(cd "$(dirname "$0")/.." && pwd)

lintian --fail-on error --suppress-tags bad-distribution-in-changes-file "$folder"/*.deb || fail "lintian is not content"

layer=$(mktemp -d)
end() {
	umount "$layer/root/proc" "$layer/root" 2>/dev/null || :
	umount "$layer" 2>/dev/null || :
	rmdir "$layer" 2>/dev/null || :
}
trap end EXIT
trap 'exit 1' HUP INT TERM
mount -t tmpfs tmpfs "$layer"
mkdir "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$layer/root" ||
	fail "mount: no overlayfs here"
mount -t proc proc "$layer/root/proc"
inside() {
	chroot "$layer/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}
# tshark takes nothing of root's, and gets a home without plugins.
as_user() {
	inside setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/srv/home "$@"
}

# Nothing of ours that was installed by hand.
plugins=$(tshark -G folders 2>/dev/null | sed -n 's/^Global Plugins:[[:space:]]*//p')
rm -f "$layer/root$plugins/epan/bblog.so"
mkdir -p "$layer/root/srv/home" "$layer/root/srv/deb"
cp "$folder"/*.deb "$root/tests/fixtures/rack_reqresp.tcplog" "$layer/root/srv/deb/"
chmod -R a+rwX "$layer/root/srv"
(cd "$layer/upper" && find . ! -type d | sort) >"$layer/before"

inside sh -c 'dpkg -i /srv/deb/*.deb' >"$layer/log" 2>&1 || fail "dpkg -i: $(tail -n 2 "$layer/log" | tr '\n' ' ')"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
for program in bblog bblogd; do
	said=$(inside "$program" --version) || fail "$program --version: failed"
	case $said in "$program $version"*) ;; *) fail "$program --version: said \"$said\", expected $program $version" ;; esac
done
[ -n "$(inside bblog info /srv/deb/rack_reqresp.tcplog)" ] || fail "bblog info: said nothing"
for file in man/man1/bblog.1.gz man/man7/bblog-fields.7.gz man/man8/bblogd.8.gz man/man1/bblogdump.1.gz \
	bash-completion/completions/bblog fish/vendor_completions.d/bblog.fish zsh/vendor-completions/_bblog \
	wireshark/profiles/BBLog/preferences doc/bblog/changelog.gz doc/bblog/copyright doc/bblog-wireshark/copyright; do
	[ -s "$layer/root/usr/share/$file" ] || fail "/usr/share/$file: not there"
done
as_user tshark -G plugins 2>/dev/null | grep -q "^bblog.so[[:space:]]*$version" || fail "tshark does not load the plugin"
as_user tshark -D 2>/dev/null | grep -q 'FreeBSD BBLog over ssh' || fail "tshark does not list bblogdump's interfaces"
inside bblog convert /srv/deb/rack_reqresp.tcplog --stack 1=freebsd,2=rack,3=bbr -o /srv/out.pcapng
found=$(as_user tshark -r /srv/out.pcapng -Y 'bblog.event==TIMERSTAR' 2>/dev/null | wc -l)
[ "$found" -gt 0 ] || fail "tshark finds no event by its name"

inside sh -c 'dpkg -P bblog-wireshark bblog' >"$layer/log" 2>&1 || fail "dpkg -P: $(tail -n 2 "$layer/log" | tr '\n' ' ')"
# Changed by dpkg and its triggers, and by this test.
(cd "$layer/upper" && find . ! -type d | sort) >"$layer/after"
left=$(comm -13 "$layer/before" "$layer/after" |
	grep -vE '^\./(var/(lib/dpkg|log|cache)/|srv/|dev/|etc/ld\.so\.cache|root/|tmp/|usr/share/mime/)' || :)
[ -z "$left" ] || fail "left behind: $(echo "$left" | tr '\n' ' ')"
echo "deb: installed, used ($found events found by name) and removed without a trace"
