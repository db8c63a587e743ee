# One verb per job. `make run` and `make test` set up a fresh Debian machine as root.

SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)
PREFIX ?= /usr/local
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help run install build test lint fmt unit e2e doc docs bench clean

help: ## Show the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: ## Build and start a server to try things out, with a demo user and resource
	@scripts/setup.sh run
	cargo build --release --bin authserver
	@scripts/link.sh $(TARGET)/release/authserver
	$(TARGET)/release/authserver quickstart

install: build ## Build, and install authserver into PREFIX/bin (/usr/local)
	install -Dm755 $(TARGET)/release/authserver $(DESTDIR)$(PREFIX)/bin/authserver

build: ## Build the release binary
	cargo build --release --bin authserver

test: ## Run every test, installing the peers they need
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint unit doc e2e

lint: ## Check formatting, lints and links
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	tests/docs/links.py

fmt: ## Format the code
	cargo fmt --all

unit: ## Run the Rust tests, against a PostgreSQL of their own
	tests/with-postgres.sh cargo nextest run --workspace --no-fail-fast
	cargo test --workspace --doc --quiet

doc: ## Build the API documentation without warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

docs: ## Write the generated reference pages again
	cargo run --quiet --bin authserver -- config reference > docs/reference/configuration.md
	UPDATE_REFERENCE=1 cargo nextest run -p telemetry -p admin --no-fail-fast
	tests/docs/http_api.py > docs/reference/http-api.md

e2e: ## Run the end-to-end tests with real peers
	cargo build --bin authserver
	AUTHSERVER_BIN=$(abspath $(TARGET))/debug/authserver tests/e2e/run.sh

bench: ## Measure throughput, latency, memory and start
	bench/run.sh

clean: ## Remove what was built
	cargo clean
