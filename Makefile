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
test: deps
	$(CARGO) test --workspace --locked

check:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) fmt --all --check

install-plugin: build
	@packaging/install-plugin.sh $(TARGET)/release/libbblog.so

# Columns, colours, filter buttons and graphs: wireshark -C BBLog.
install-profile:
	@packaging/install-profile.sh

clean:
	$(CARGO) clean

.PHONY: all deps build demo test check install-plugin install-profile clean
