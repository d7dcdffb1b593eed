#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Takes the README's picture: the real Wireshark, on a screen of memory, with the plugin, the
# profile and a shipped log; then reads the picture again (OCR), to know that columns and tree are
# filled. Installs by apt-get what it needs and this system lacks, and says so.
#
# usage: screenshot.sh PLUGIN BBLOG [OUT]   (default: docs/screenshot.png)
set -eu

fail() {
	echo "screenshot: $*" >&2
	exit 1
}

[ $# -eq 2 ] || [ $# -eq 3 ] || fail "usage: screenshot.sh PLUGIN BBLOG [OUT]"
cd "$(dirname "$0")/.."
plugin=$1 bblog=$2 out=${3:-docs/screenshot.png}
[ -f "$plugin" ] || fail "$plugin: no such file, expected the built plugin (make build)"
[ -x "$bblog" ] || fail "$bblog: no such program (make build)"

missing=
while read -r tool package; do
	command -v "$tool" >/dev/null || missing="$missing $package"
done <<END
Xvfb xvfb
import imagemagick
wireshark wireshark
tesseract tesseract-ocr
xdotool xdotool
setpriv util-linux
fc-match fontconfig
END
[ -n "$(find /usr/share/fonts -name 'DejaVuSans.ttf' 2>/dev/null)" ] || missing="$missing fonts-dejavu-core"
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || fail "not installed:$missing; and there is no apt-get"
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	echo "+ ${as_root:+sudo }apt-get install$missing"
	# shellcheck disable=SC2086 # a list of packages
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
		fail "apt-get install$missing: failed (apt-get update?)"
fi

work=$(mktemp -d)
server=
gui=
end() {
	for process in $gui $server; do kill "$process" 2>/dev/null || :; done
	rm -rf "$work"
}
trap end EXIT
trap 'exit 1' HUP INT TERM

# Wireshark ignores a user's plugins when it runs as root: then it runs as the user nobody.
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		set -- setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$work" "$@"
	fi
	env HOME="$work" XDG_RUNTIME_DIR="$work" LC_ALL=C.UTF-8 TZ=UTC WIRESHARK_PLUGIN_DIR="$work/plugins" "$@"
}

"$bblog" convert tests/fixtures/rack_tailloss_rto.tcplog --stack 1=freebsd,2=rack,3=bbr --kernel 13 -o "$work/rack_tailloss_rto.pcapng"
system=$(as_user tshark -G folders 2>/dev/null | sed -n 's/^Global Plugins:[[:space:]]*//p')
version=${system##*/}
[ -n "$version" ] || fail "tshark -G folders: no Global Plugins, expected one"
mkdir -p "$work/plugins/$version/epan" "$work/.config/wireshark"
cp "$plugin" "$work/plugins/$version/epan/bblog.so"
HOME=$work packaging/install-profile.sh >/dev/null
cat >"$work/.config/wireshark/recent_common" <<END
gui.geometry_main_x: 0
gui.geometry_main_y: 0
gui.geometry_main_width: 1600
gui.geometry_main_height: 900
gui.geometry_main_maximized: FALSE
END
chmod -R a+rwX "$work"

display=
for number in 77 78 79 80 81; do
	[ -e "/tmp/.X$number-lock" ] || { display=:$number && break; }
done
[ -n "$display" ] || fail "displays :77 to :81 are all in use"
Xvfb "$display" -screen 0 1600x900x24 >"$work/Xvfb.log" 2>&1 &
server=$!
export DISPLAY=$display

# The tail-loss probe, and what came before and after it. The log is FreeBSD 13's.
as_user wireshark -C BBLog -o gui.update.enabled:FALSE -o bblog-record.kernel:13 -g 332 -r "$work/rack_tailloss_rto.pcapng" >"$work/wireshark.log" 2>&1 &
gui=$!
tries=0
until window=$(xdotool search --onlyvisible --name 'rack_tailloss_rto' 2>/dev/null | head -n 1) && [ -n "$window" ]; do
	kill -0 "$gui" 2>/dev/null || fail "wireshark ended: $(tail -n 1 "$work/wireshark.log")"
	tries=$((tries + 1))
	[ "$tries" -lt 120 ] || fail "wireshark showed no window within 60 s"
	sleep 0.5
done
sleep 5
# Frame 319 in the list, then our part of the tree, opened; the mouse out of the way.
xdotool mousemove 800 242 click 1
sleep 1
xdotool mousemove 300 514 click 1 key shift+Right
sleep 1
xdotool mousemove 1599 899
sleep 1
import -window root "$work/shot.png"
kill "$gui"
wait "$gui" 2>/dev/null || :
gui=

# Three parts of the picture, twice as large, read back.
words() {
	convert "$work/shot.png" -crop "$1" +repage -resize 200% -colorspace Gray "$work/part.png"
	tesseract "$work/part.png" - --psm 6 2>/dev/null
}
expect() {
	part=$1 said=$2
	shift 2
	for word; do
		echo "$said" | grep -qE "$word" || fail "the $part shows no \"$word\": $(echo "$said" | head -n 12 | tr '\n' '|')"
	done
}
expect 'list of columns' "$(words 1600x22+0+93)" Time Delta Stream Event cwnd Flight srtt Info
expect 'packet list' "$(words 1540x370+0+113)" 'loss probe' 'TLP retrans' TIMERSTAR HPTSI 'next send in' 68056 5792
expect 'tree' "$(words 780x380+0+488)" 'BBLog, BBR.LOG.RTO' 'Stream index' 'Timer started in frame: 316' 'Category: loss' 'Event values'
expect 'bar of filters' "$(words 1600x30+0+62)" Loss Timers Pacing RTT Connection Stalls Limits
# A palette is enough, and a quarter of the size.
convert "$work/shot.png" -dither None -colors 128 "PNG8:$work/small.png"
cp "$work/small.png" "$out"
echo "$out: columns, rows, tree and buttons are there"
