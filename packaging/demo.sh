#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Shows what bblog does: two shipped logs, converted and decoded.
# usage: demo.sh TARGETDIR
set -eu
cd "$(dirname "$0")/.."
target=$1
samples=tests/fixtures
out=$target/demo
mkdir -p "$out"

run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

packaging/install-plugin.sh "$target/release/libbblog.so"
PATH="$(cd "$target/release" && pwd):$PATH"
export PATH

run bblog convert "$samples/rack_reqresp.tcplog" --stack 1=freebsd,2=rack,3=bbr -o "$out/rack.pcapng" --overwrite
run bblog convert "$samples/small-plain.elog" -o "$out/eventlog.pcapng" --overwrite

# tshark warns when it runs as root; that is not about us.
tshark_quiet() {
	printf '\n$ tshark'
	for word; do
		case $word in
		*[!A-Za-z0-9_./=-]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	tshark "$@" 2>"$out/stderr" || {
		cat "$out/stderr" >&2
		exit 1
	}
}

tshark_quiet -r "$out/rack.pcapng" -c 25
tshark_quiet -r "$out/rack.pcapng" -Y bblog.event==IN
tshark_quiet -r "$out/rack.pcapng" -V -Y 'bblog.event==HPTSI_CALC && bblog.serial_nr < 60' -c 60 | sed '/^Frame [0-9]/,/^Black Box Log/{/^Black Box Log/!d;}'
tshark_quiet -r "$out/eventlog.pcapng" -c 20
tshark_quiet -r "$out/eventlog.pcapng" -Y 'bblog.event in {IN,OUT}' -T fields -e bblog.event -e tcp.seq_raw -e eventlog.tcp.out.cwnd -c 20

cat <<END

Next:
  wireshark $out/rack.pcapng
  tshark -r $out/rack.pcapng -Y 'bblog.event in {RTO,BBR_LOG_RTO,TIMERSTAR}'
  bblog info $out/../../tests/fixtures/rack_reqresp.tcplog
END
