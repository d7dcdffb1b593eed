# The few commands a person types. Written for any make(1); the work is done by cargo and the
# scripts in packaging/.

CARGO = cargo
TARGET = $${CARGO_TARGET_DIR:-target}

all: build

# What building and testing needs from this system (does nothing if all is there).
deps:
	@packaging/deps.sh

build: deps
	$(CARGO) build --workspace --release --locked

# Converts two shipped logs and shows them decoded.
demo: build
	@packaging/demo.sh $(TARGET)

# Unit, golden, property and end-to-end tests, with the real tshark.
test:
	@packaging/deps.sh test
	$(CARGO) test --workspace --locked

# The Python package: types, wheel, and what it reads.
test-python:
	@python/test.sh package

# Its data source for Spark 4 in a cluster of two workers, and the tables in Polars, DataFusion, ClickHouse and DuckDB: 1.5 GB
# from PyPI and Java the first time.
test-engines:
	@python/test.sh engines

# Every test that runs tshark, with another Wireshark: make test-wireshark VERSION=4.4 (or 4.6).
test-wireshark: deps
	@packaging/wireshark-env.sh $(VERSION) $(CARGO) test --locked -p bblog-tests --no-fail-fast --test 'wireshark*' \
		--test profile --test extcap --test filters --test walkthrough --test bblogd --test mutations

# Throws made-up input at every door: SECONDS for each (fuzz/README.md).
SECONDS = 60
fuzz:
	@fuzz/run.sh $(SECONDS)

# Licences, sources and versions of what is linked in (deny.toml).
audit:
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked
	$(CARGO) deny --locked check bans licenses sources

# Damaged captures in Wireshark with the plugin: make fuzz-plugin COUNT=10000 VERSION=4.6.
COUNT = 10000
fuzz-plugin: deps
	@version=$(VERSION); BBLOG_MUTATIONS=$(COUNT) packaging/wireshark-env.sh "$${version:-$$(pkg-config --modversion wireshark)}" \
		$(CARGO) test --locked -p bblog-tests --test mutations

# The plugin under valgrind, on samples and on damaged captures.
memcheck: deps
	@packaging/memcheck.sh

# Its C half with the sanitizers of addresses and of undefined behaviour.
sanitize: deps
	@packaging/sanitize.sh

# Lints, also without Parquet, and type errors in the daemon's code for FreeBSD, without a compiler for it.
check:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p bblog-converter --no-default-features --all-targets --locked -- -D warnings
	$(CARGO) rustc -p bblog-capture --lib --profile check --locked -- --cfg fbsd_check -D warnings
	$(CARGO) fmt --all --check

# Type errors in code that only FreeBSD has; fetches a compiler of about 1 GB the first time.
freebsd-check:
	@packaging/cross.sh check x86_64-freebsd

# CPU time, memory and wall time of bblog for a million events of each log, beside cat; then what the plugin costs.
bench: bench-bblog bench-plugin

bench-bblog:
	$(CARGO) bench -p bblog-converter --bench speed --bench tables --locked

# Instructions of tshark without the plugin and with it (LOGS="FILE...": of other logs than the shipped ones).
bench-plugin: build
	@packaging/bench-plugin.sh $(TARGET)/release/libbblog.so $(TARGET)/release/bblog $(LOGS)

# Pages of a million records of two stacks in Chromium: their size, the time until they are drawn, and of a frame.
bench-plot: deps
	BBLOG_PLOT_RECORDS=1000000 $(CARGO) test -p bblog-tests --test plot_browser --locked a_long_log -- --nocapture

# CPU time and memory of bblogd for a million records, beside cat.
bench-bblogd:
	$(CARGO) bench -p bblog-capture --bench bblogd --locked

# What bblogd has to survive, counted, and MINUTES of load: capture/tests/faults.
KILLS = 200
FULL_DISKS = 50
IDS = 10000
CONNECTIONS = 10000
REOPENS = 500
MINUTES = 30
faults: deps
	BBLOG_FAULT_KILLS=$(KILLS) BBLOG_FAULT_FULL_DISKS=$(FULL_DISKS) BBLOG_FAULT_IDS=$(IDS) \
	BBLOG_FAULT_CONNECTIONS=$(CONNECTIONS) BBLOG_FAULT_REOPENS=$(REOPENS) \
	BBLOG_FAULT_SECONDS=$$(($(MINUTES) * 60)) \
		$(CARGO) test --release -p bblog-capture --test faults --locked

# Scripts, manual pages, licences, rc.d script, FreeBSD port; then compiles for FreeBSD, both
# machines, and makes packages: many minutes, and 2 GB the first time. -quick stops before that.
packaging-check:
	@BBLOG_ARCHS="x86_64 aarch64" packaging/check.sh scripts inputs licences man rc port binaries static deb

packaging-check-quick:
	@packaging/check.sh

# The FreeBSD port's list of crates, after a change of Cargo.lock.
port-crates:
	@packaging/freebsd/crates.py

# Debian packages in target/deb; deb-check installs and removes them in a throw-away layer (root).
deb:
	@packaging/deb.sh

deb-check: deb
	@packaging/deb-test.sh $(TARGET)/deb

# bblog for any Linux, without its libc.
static:
	@packaging/static.sh

# The README's picture, from the real Wireshark.
screenshot: build
	@packaging/screenshot.sh $(TARGET)/release/libbblog.so $(TARGET)/release/bblog

install-plugin: build
	@packaging/install-plugin.sh $(TARGET)/release/libbblog.so

# Live capture from Wireshark's list of interfaces, here or over ssh.
install-extcap: build
	@packaging/install-extcap.sh $(TARGET)/release/bblogdump

# Columns, colours, filter buttons and graphs: wireshark -C BBLog.
install-profile:
	@packaging/install-profile.sh

clean:
	$(CARGO) clean

.PHONY: faults fuzz-plugin memcheck sanitize all deps build demo test test-python test-engines test-wireshark fuzz audit check freebsd-check bench bench-bblog bench-plugin bench-bblogd bench-plot install-plugin install-extcap install-profile packaging-check packaging-check-quick port-crates deb deb-check static screenshot clean
