# Everything that is done with this repository. Bare `make` lists it.

CARGO ?= cargo
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
# Debian's names of what the tests and benchmarks start beside tinyhttp.
TEST_PACKAGES = curl wget chromium nginx php-fpm pebble
CONFORMANCE_PACKAGES = apache2-bin tomcat10-common default-jdk-headless uwsgi-core uwsgi-plugin-python3 npm varnish
BENCH_PACKAGES = wrk nginx h2o haproxy lighttpd lighttpd-mod-deflate lighttpd-mod-openssl php-fpm curl wget
# Crates with fuzz targets.
FUZZED := $(patsubst %/fuzz/Cargo.toml,%,$(wildcard crates/*/fuzz/Cargo.toml))
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.DEFAULT_GOAL := help
.PHONY: help serve test lint doc bench bench-client bench-library bench-message conformance conformance-tools floods fuzz soak msrv api api-check semver package check-portable deny vet sbom reproducible install clean test-tools bench-tools

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: ## build, and serve www/ on http://127.0.0.1:8080/
	$(CARGO) build --release --locked -p tinyhttp-cli
	target/release/tinyhttp serve www

test: lint doc package test-tools ## check everything: lint, doc, packages, and all tests
	$(CARGO) test --workspace --locked

lint: ## formatting and clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p tinyhttp-cli --no-default-features --locked -- -D warnings
	# Each feature of the server alone, and none.
	for feature in "" access-log auth compression credentials files gateway json markdown signed-cookies tls tuning websocket; do \
	  $(CARGO) clippy -p tinyhttp-server --lib --no-default-features --features "$$feature" --locked -- -D warnings || exit 1; done

msrv: ## (minutes, rustup) compile everything but the tests with the oldest toolchains that are promised: 1.85, and 1.88 for tls
	.ci/msrv

check-portable: ## (minutes, rustup) type-check message, client and get for macOS, FreeBSD and (not get) Windows
	.ci/portable

doc: ## the crates' documentation, without warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# What is in the packages is checked here; that they build is checked by `make package PACKAGE_FLAGS=`, which takes minutes.
PACKAGE_FLAGS ?= --no-verify
package: ## put the packages together as for crates.io (PACKAGE_FLAGS= also builds each alone)
	$(CARGO) package --workspace --exclude tinyhttp-test-support --allow-dirty --locked -q $(PACKAGE_FLAGS)

api: ## write the public interface of the libraries to crates/*/public-api.txt, so that a change shows in a diff (needs nightly)
	command -v cargo-public-api > /dev/null || [ -x target/tools/bin/cargo-public-api ] || \
	  $(CARGO) install cargo-public-api --locked --root target/tools
	.ci/api renew

api-check: ## whether the public interface is the one in crates/*/public-api.txt (skipped without cargo-public-api and nightly)
	.ci/api

semver: ## whether the libraries' changes since the last tag, or SINCE=REVISION, suit their versions
	command -v cargo-semver-checks > /dev/null || [ -x target/tools/bin/cargo-semver-checks ] || \
	  $(CARGO) install cargo-semver-checks --locked --root target/tools
	.ci/semver $(SINCE)

bench: bench-tools ## serve beside nginx, h2o and lighttpd, as Markdown (ONLY="hot close tls gateway" ROUNDS=5 SECONDS=1)
	$(CARGO) build --release --locked -p tinyhttp-cli -p tinyhttp-server --bin tinyhttp --example canned --example upstream --example https_load
	python3 -B tests/bench/servers.py

bench-client: bench-tools ## get beside curl and wget, as Markdown (ROUNDS=200)
	$(CARGO) build --release --locked -p tinyhttp-cli
	python3 -B tests/bench/clients.py

bench-library: bench-tools ## tinyhttp-server beside axum, actix-web, rouille and tiny_http, as Markdown (ONLY="hello echo busy" ROUNDS=5 SECONDS=1)
	$(CARGO) build --release --locked -p tinyhttp-server --features json --example hello
	$(CARGO) build --release --locked --manifest-path tests/bench/libraries/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/libraries
	python3 -B tests/bench/library.py

bench-message: ## reading and writing heads beside httparse alone, in nanoseconds
	$(CARGO) bench --locked -p tinyhttp-message --bench message

floods: ## what ordinary clients notice while others do their worst, as Markdown (ONLY="heads resets" SECONDS=4)
	$(CARGO) build --release --locked -p tinyhttp-cli
	python3 -B tests/bench/floods.py

fuzz: ## every fuzz target for FUZZ_SECONDS=60: executions, coverage (needs a nightly toolchain)
	command -v cargo-fuzz > /dev/null || $(CARGO) install cargo-fuzz --locked
	for crate in $(FUZZED); do cd $(CURDIR)/$$crate && for target in $$(cargo fuzz list); do \
	  mkdir -p fuzz/corpus/$$target fuzz/seeds/$$target fuzz/target && log=fuzz/target/$$target.log && \
	  { cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -dict=$(CURDIR)/crates/message/fuzz/http.dict \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 2> $$log || { tail -n 50 $$log; exit 1; }; } && \
	  printf '%-18s %s\n' $$target "$$(grep DONE $$log)" || exit 1; \
	done || exit 1; done

soak: ## a mixed load with faults, and a gateway to servers that fail in every way, each for SOAK_SECONDS=1800: every byte checked, and what the server grows by
	SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --release --locked -p tinyhttp-cli --test service soak -- --ignored --nocapture --test-threads=1

conformance: conformance-tools ## application servers behind it, varnishtest, TLS scanners, tlsfuzzer (TLSFUZZER=../tlsfuzzer), Autobahn's WebSocket tests, curl's own tests of get's flags (CURL=../curl), and DubiousHTTP's responses (DUBIOUS=../p5-app-dubioushttp)
	$(CARGO) build --release --locked -p tinyhttp-cli -p tinyhttp-server --bin tinyhttp --example chat --features websocket
	nice -n 10 python3 -B tests/conformance/gateways
	python3 -B tests/conformance/varnish.py
	python3 -B tests/conformance/tls.py
	python3 -B tests/conformance/tlsfuzzer.py "$(TLSFUZZER)"
	nice -n 10 python3 -B tests/conformance/websocket.py
	nice -n 10 python3 -B tests/conformance/curl.py "$(CURL)"
	[ -z "$(DUBIOUS)" ] || nice -n 10 python3 -B tests/conformance/dubious.py "$(DUBIOUS)"

deny: ## advisories, licences, sources and second versions among dependencies (DENY_FLAGS=--offline)
	@command -v cargo-deny > /dev/null || { echo "cargo-deny is not here: $(CARGO) install cargo-deny --locked"; exit 1; }
	$(CARGO) deny $(DENY_FLAGS) --locked --config .ci/deny.toml check
	for crate in $(FUZZED); do $(CARGO) deny $(DENY_FLAGS) --locked --config .ci/deny.toml \
	  --manifest-path $$crate/fuzz/Cargo.toml check advisories sources || exit 1; done

vet: ## the reviews of each dependency: imported audits, and the crates without one (works offline)
	@command -v cargo-vet > /dev/null || { echo "cargo-vet is not here: $(CARGO) install cargo-vet --locked"; exit 1; }
	$(CARGO) vet --locked

sbom: ## the program's bill of materials, as CycloneDX: target/sbom/tinyhttp.cdx.json
	@command -v cargo-cyclonedx > /dev/null || { echo "cargo-cyclonedx is not here: $(CARGO) install cargo-cyclonedx --locked"; exit 1; }
	.ci/sbom target/sbom

reproducible: ## build the program in two folders, and compare the hashes
	.ci/reproducible

install: ## put the program, its man pages and completions below $(PREFIX)
	$(CARGO) build --release --locked -p tinyhttp-cli
	install -D -m 755 target/release/tinyhttp "$(DESTDIR)$(PREFIX)/bin/tinyhttp"
	rm -rf target/manual && mkdir -p target/manual && target/release/tinyhttp man --out target/manual
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1"
	install -m 644 target/manual/*.1 "$(DESTDIR)$(PREFIX)/share/man/man1"
	for shell in bash zsh fish; do target/release/tinyhttp completions $$shell > target/manual/$$shell || exit 1; done
	install -D -m 644 target/manual/bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/tinyhttp"
	install -D -m 644 target/manual/zsh "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tinyhttp"
	install -D -m 644 target/manual/fish "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tinyhttp.fish"

clean: ## remove what was built
	$(CARGO) clean

# Installs what the tests need, where it is missing and this user may. They can do without all but curl. As in runlevel 1,
# servers are not started as services.
test-tools:
	@install="$(SUDO) env RUNLEVEL=1 apt-get install -y -q --no-install-recommends"; \
	for tool in $(TEST_PACKAGES); do \
	  command -v $$tool > /dev/null || dpkg -s $$tool > /dev/null 2>&1 && continue; \
	  echo "installing $$tool"; \
	  $$install $$tool > /dev/null || { $(SUDO) apt-get update -q > /dev/null && $$install $$tool > /dev/null; } || \
	  { [ $$tool != curl ] && echo "without $$tool the tests that use it are left out"; } || \
	  { echo "the tests need $$tool: please install it"; exit 1; }; \
	done

# Servers that can't be installed are left out. As in runlevel 1, the servers are not started as services.
bench-tools: packages = $(BENCH_PACKAGES)
conformance-tools: packages = $(CONFORMANCE_PACKAGES)
bench-tools conformance-tools:
	@for package in $(packages); do \
	  dpkg -s $$package > /dev/null 2>&1 || command -v $$package > /dev/null && continue; \
	  echo "installing $$package"; \
	  $(SUDO) env RUNLEVEL=1 apt-get install -y -q --no-install-recommends $$package > /dev/null || echo "without $$package"; \
	done
