#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Tests the Python package: types, its wheel, and what is installed from that wheel, with the program of this tree.
#
# usage: test.sh [package | engines]
#
# package (the default) tests bblog; engines also tests bblog.spark in a cluster of two workers, and reads the tables with
# Polars, DataFusion, ClickHouse (chdb), DuckDB and Spark. That installs Java with apt-get, and 1.5 GB from PyPI the first
# time. Everything goes into target/python. BBLOG_SPARK_FILES is the number of files that Spark reads (500).
#
# The exit status is 69 (EX_UNAVAILABLE) if Java or a package cannot be had, so that nothing was tested.
set -eu

fail() {
	echo "python: $*" >&2
	exit 1
}

unavailable() {
	echo "python: $*" >&2
	exit 69
}

cd "$(dirname "$0")"
what=${1:-package}
target=${CARGO_TARGET_DIR:-../target}
mkdir -p "$target/python"
target=$(cd "$target" && pwd)
place=$target/python
python=$place/$what/bin/python

# install WORD...: installs into the virtual environment, of packages nothing newer than is there.
install() {
	"$python" -m pip install --quiet --disable-pip-version-check "$@" || unavailable "pip install $*: failed"
}

java() {
	command -v java >/dev/null && return 0
	command -v apt-get >/dev/null || unavailable "java: not found, expected Java 17 for Spark"
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root=sudo
	echo "+ ${as_root:+sudo }apt-get install default-jre-headless"
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends default-jre-headless >/dev/null ||
		unavailable "apt-get install default-jre-headless: failed (apt-get update?)"
}

# As in make test, so that nothing is compiled twice.
cargo build --locked --workspace --bin bblog --manifest-path ../Cargo.toml
BBLOG=${BBLOG:-$target/debug/bblog}
export BBLOG

[ -x "$python" ] || python3 -m venv "$place/$what" || fail "python3 -m venv: failed, expected Python 3.10 or newer with venv"

# What is tested is what a user installs: the wheel.
rm -rf "$place/wheel"
cp -R . "$place/source"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$place/wheel" "$place/source" || fail "the wheel cannot be built"
rm -rf "$place/source"
wheel=$(echo "$place"/wheel/bblog-*-py3-none-any.whl)
[ -f "$wheel" ] || fail "no wheel in $place/wheel"
case $what in
package) install "${wheel}[test]" ;;
engines)
	java
	install "${wheel}[test,spark,engines]"
	;;
*) fail "$what: expected package or engines" ;;
esac
install --force-reinstall --no-deps "$wheel"

"$python" -m mypy --cache-dir "$place/mypy" bblog tests/*.py
# Not as a module, which would find the sources before what is installed.
pytest=$(dirname "$python")/pytest
case $what in
package) PYTHONDONTWRITEBYTECODE=1 "$pytest" tests/test_read.py tests/test_wheel.py ;;
engines)
	export BBLOG_SPARK_FILES="${BBLOG_SPARK_FILES:-500}" BBLOG_SPARK_MASTER="local-cluster[2,1,1024]"
	PYTHONDONTWRITEBYTECODE=1 "$pytest" tests
	;;
esac
