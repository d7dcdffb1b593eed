#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs every fuzz target, or those named, for SECONDS each: fuzz/run.sh SECONDS [TARGET...]
# Inputs that break something are left in fuzz/artifacts/TARGET, and the exit status is 1.
set -eu
cd "$(dirname "$0")"

fail() {
	echo "fuzz: $*" >&2
	exit 2
}

seconds=${1:?fuzz: how many SECONDS for each target?}
case $seconds in *[!0-9]* | '') fail "$seconds: not a number of seconds" ;; esac
shift
targets=$(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' Cargo.toml)
[ $# -eq 0 ] || targets=$*

command -v cargo >/dev/null || fail "cargo: not found, expected Rust"
if ! cargo fuzz --version >/dev/null 2>&1; then
	echo "+ cargo install cargo-fuzz --locked" >&2
	cargo install cargo-fuzz --locked
fi
# AddressSanitizer is a nightly option of the compiler; the stable one has it too, if asked so.
export RUSTC_BOOTSTRAP=1

# What the first inputs are made of: genuine logs, our schemas.
seed() {
	case $1 in
	pcapng)
		for log in ../tests/fixtures/*.tcplog ../tests/fixtures/*.elog; do
			cargo run --quiet --locked --manifest-path ../Cargo.toml -p bblog-converter --bin bblog -- \
				convert --overwrite "$log" -o "corpus/$1/$(basename "$log").pcapng"
		done
		;;
	elog_file) cp ../tests/fixtures/*.elog "corpus/$1/" ;;
	schema_language) cp ../dissector/tables/eventlog/*.schema "corpus/$1/" ;;
	bblog_stream) cp ../tests/fixtures/*.tcplog "corpus/$1/" ;;
	filter) grep -ho "filter '[^']*'" ../README.md | sed "s/^filter '//; s/'$//" | split -l 1 - "corpus/$1/readme-" ;;
	tcpinfo)
		for log in ../tests/fixtures/*.tcplog; do
			tail -c +209 "$log" | head -c 400 >"corpus/$1/$(basename "$log")"
		done
		;;
	esac
}

# Long inputs find little more and take their time.
longest() {
	case $1 in
	bblog_stream) echo 2048 ;;
	*) echo 4096 ;;
	esac
}

status=0
for target in $targets; do
	mkdir -p "corpus/$target"
	seed "$target"
	cargo fuzz run --fuzz-dir . "$target" "corpus/$target" -- \
		-max_total_time="$seconds" -max_len="$(longest "$target")" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		>"corpus/$target.log" 2>&1 || status=1
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "corpus/$target.log")
	cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "corpus/$target.log" | tail -n 1)
	broken=$(find "artifacts/$target" -type f 2>/dev/null | wc -l)
	printf '%-18s %10s inputs %8s edges %4d broken\n' "$target" "${runs:-none}" "${cover:-?}" "$broken"
	[ "$broken" -eq 0 ] || status=1
done
exit $status
