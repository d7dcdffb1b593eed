#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs the rc.d script against a stand-in of rc.subr: disabled, enabled, missing device, reload,
# stop, and what it passes to the daemon.
# usage: rc.sh [BBLOGD]   (with BBLOGD, a program, also starts and stops that one)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
port=$here/../net/bblog
real=${1:-}
work=$(mktemp -d)
tests=0

fail() {
	echo "rc: $*" >&2
	exit 1
}

end() {
	[ ! -s "$work/pid" ] || kill "$(cat "$work/pid")" 2>/dev/null || :
	rm -rf "$work"
}
trap end EXIT
trap 'exit 1' HUP INT TERM

[ -z "$real" ] || [ -x "$real" ] || fail "$real: no such program"
mkdir -p "$work/sbin" "$work/root/dev"

# A daemon that says what it was given, and ends when it is told to. (Below nohup SIGHUP is ignored,
# and a shell cannot trap what was ignored when it began.)
cat >"$work/sbin/bblogd" <<'END'
#!/usr/bin/env -S --default-signal=HUP sh
case $1 in
check | status)
	echo "asked: $*"
	exit "$(cat "$BBLOGD_TEST/health" 2>/dev/null || echo 0)"
	;;
esac
printf '%s\n' "$@" >"$BBLOGD_TEST/arguments"
while [ $# -gt 0 ]; do
	[ "$1" != -p ] || pidfile=$2
	shift
done
(
	trap 'echo reloaded >>"$BBLOGD_TEST/heard"' HUP
	trap 'echo stopped >>"$BBLOGD_TEST/heard"; : >"$pidfile"; exit 0' TERM
	while :; do sleep 0.1; done
) >/dev/null 2>&1 </dev/null &
echo $! >"$pidfile"
END
chmod +x "$work/sbin/bblogd"

# The script as installed, with our rc.subr.
sed -e "s|%%PREFIX%%|$work|g" "$port/files/bblogd.in" >"$work/script.installed"
! grep -n '%%' "$work/script.installed" || fail "bblogd.in: a %%NAME%% was not replaced"
sed -e "s|^\. /etc/rc\.subr\$|. $here/rc.subr|" "$work/script.installed" >"$work/bblogd"
grep -q "^\. $here/rc.subr" "$work/bblogd" || fail "bblogd.in: does not read /etc/rc.subr"
chmod +x "$work/bblogd"
for line in '# PROVIDE: bblogd' '# REQUIRE: DAEMON' '# KEYWORD: shutdown'; do
	grep -qx "$line" "$work/bblogd" || fail "bblogd.in: no line \"$line\""
done
! grep -v '^#' "$work/bblogd" | grep -q 'bblogd_user' || fail "bblogd.in: bblogd_user would start the daemon without root"

export RC_CONF="$work/rc.conf" RC_ROOT="$work/root" BBLOGD_TEST="$work"

# service COMMAND STATUS TEXT: runs the script, which must exit so and say that.
service() {
	tests=$((tests + 1))
	status=0
	said=$("$work/bblogd" "$1" 2>&1) || status=$?
	[ "$status" -eq "$2" ] || fail "service bblogd $1: exit status $status, expected $2: $said"
	case $said in *"$3"*) ;; *) fail "service bblogd $1: said \"$said\", expected \"$3\"" ;; esac
}

# Waits until FILE has TEXT.
heard() {
	tries=0
	until grep -q "$2" "$1" 2>/dev/null; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || fail "${1##*/}: no \"$2\" within 10 s"
		sleep 0.1
	done
}

given() {
	for word; do
		grep -qxF -e "$word" "$work/arguments" || fail "bblogd was not given \"$word\": $(tr '\n' ' ' <"$work/arguments")"
	done
}

# Disabled: by default, and nothing happens.
: >"$RC_CONF"
service start 0 'Set bblogd_enable to YES'
[ ! -e "$work/arguments" ] || fail "bblogd was started although it is disabled"
service rcvar 0 'bblogd_enable="NO"'

# Enabled, but the kernel has no BBLog.
owner=$(id -un)
cat >"$RC_CONF" <<END
bblogd_enable=YES
bblogd_pidfile=$work/pid
bblogd_basedir="$work/the logs"
bblogd_basedir_owner=$owner
END
service start 1 '/dev/tcp_log is not readable'
[ ! -e "$work/the logs" ] || fail "the folder was made although the device is missing"
service status 1 'bblogd is not running'
service reload 1 'not running'
service stop 1 'not running'

# What is missing can be listed before.
service check 0 "asked: check -u $owner -D $work/the logs"

# Enabled.
: >"$work/root/dev/tcp_log"
service start 0 'Starting bblogd'
given -d -D "$work/the logs" -u "$owner" -p "$work/pid"
given --status-file "$work/the logs/bblogd.prom"
for word in --eventlog --max-total-size --max-age --xz --zstd; do
	! grep -qx -e "$word" "$work/arguments" || fail "bblogd was given $word"
done
[ "$(stat -c '%U %a' "$work/the logs")" = "$owner 750" ] || fail "the folder is $(stat -c '%U %a' "$work/the logs"), expected $owner 750"
service status 0 "bblogd is running as pid $(cat "$work/pid")"
service status 0 "asked: status --status-file $work/the logs/bblogd.prom"
echo 1 >"$work/health"
service status 1 "asked: status"
rm "$work/health"
service start 1 'already running'
service reload 0 ''
heard "$work/heard" reloaded
service stop 0 'Stopping bblogd'
heard "$work/heard" stopped
service status 1 'bblogd is not running'

# The folder of an administrator stays as it is.
chmod 0755 "$work/the logs"
service onestart 0 'Starting bblogd'
[ "$(stat -c %a "$work/the logs")" = 755 ] || fail "the folder's mode was changed"
service restart 0 'Starting bblogd'
service stop 0 ''

# eventlog: another device, one option for each subscription, no word evaluated by the shell.
rm "$work/root/dev/tcp_log"
cat >>"$RC_CONF" <<'END'
bblogd_eventlog="tcp:INFO:CC|TIMER hpts"
bblogd_flags="-J --rotate-size 64M"
END
service start 1 '/dev/eventlog is not readable'
: >"$work/root/dev/eventlog"
service start 0 'Starting bblogd'
given --eventlog 'tcp:INFO:CC|TIMER' hpts -J --rotate-size 64M
[ "$(grep -c -x -e --eventlog "$work/arguments")" -eq 2 ] || fail "--eventlog was not given twice"
service stop 0 ''
service frobnicate 1 'Usage:'

# Limits, compression, and no status file.
cat >>"$RC_CONF" <<'END'
bblogd_max_size=20G
bblogd_max_age=30d
bblogd_compress=zstd
bblogd_statusfile=
bblogd_flags=
END
service start 0 'Starting bblogd'
given --max-total-size 20G --max-age 30d --zstd
! grep -q -e --status-file "$work/arguments" || fail "bblogd was given --status-file"
service status 0 'bblogd is running'
# A mistake made while it runs does not keep it from being stopped.
echo bblogd_compress=gzip >>"$RC_CONF"
service status 0 'bblogd is running'
service stop 0 'Stopping bblogd'
service start 1 'bblogd_compress: gzip, expected xz or zstd'
service status 1 'bblogd is not running'

# The real daemon.
if [ -n "$real" ]; then
	ln -sf "$(cd "$(dirname "$real")" && pwd)/${real##*/}" "$work/sbin/bblogd"
	mkfifo "$work/device"
	: >"$work/root/dev/tcp_log"
	cat >"$RC_CONF" <<-END
		bblogd_enable=YES
		bblogd_pidfile=$work/pid
		bblogd_basedir=$work/logs
		bblogd_basedir_owner=$([ "$(id -u)" -ne 0 ] && id -un || echo nobody)
		bblogd_flags="-f $work/device"
	END
	chmod 755 "$work"
	sleep 60 >"$work/device" &
	writer=$!
	"$work/bblogd" start >/dev/null || fail "bblogd did not start"
	heard "$work/pid" '[0-9]'
	service status 0 'bblogd is running'
	service start 1 'already running'
	service reload 0 ''
	heard "$work/logs/bblogd.prom" 'bblogd_up 1'
	service status 0 'healthy'
	service stop 0 'Stopping bblogd'
	service status 1 'bblogd is not running'
	kill "$writer" 2>/dev/null || :
fi
echo "rc.d script: $tests commands as expected${real:+, the real bblogd included}"
