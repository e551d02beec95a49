# Everything that is done with this repository. Bare `make` lists it.

CARGO ?= cargo
PREFIX ?= /usr/local
# Debian's names of what the tests and benchmarks start beside tinyhttp.
TEST_PACKAGES = curl
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.DEFAULT_GOAL := help
.PHONY: help serve test lint doc bench fuzz install clean test-tools

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: ## build, and serve www/ on http://127.0.0.1:8080/
	$(CARGO) build --release --locked -p tinyhttp
	target/release/tinyhttp serve www

test: lint doc test-tools ## check everything: lint, doc, and all tests
	$(CARGO) test --workspace --locked

lint: ## formatting and clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: ## the crates' documentation, without warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

install: ## put the program into $(PREFIX)/bin
	$(CARGO) build --release --locked -p tinyhttp
	install -D -m 755 target/release/tinyhttp "$(DESTDIR)$(PREFIX)/bin/tinyhttp"

clean: ## remove what was built
	$(CARGO) clean

# Installs what the tests need, where it is missing and this user may.
test-tools:
	@for tool in $(TEST_PACKAGES); do \
	  command -v $$tool > /dev/null && continue; \
	  echo "installing $$tool"; \
	  $(SUDO) apt-get install -y -q $$tool > /dev/null || \
	  { $(SUDO) apt-get update -q > /dev/null && $(SUDO) apt-get install -y -q $$tool > /dev/null; } || \
	  { echo "the tests need $$tool: please install it"; exit 1; }; \
	done
