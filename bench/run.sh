#!/bin/sh
# Builds release binaries and measures them; see README.md. Arguments go to the load generator:
#   bench/run.sh --rounds 3 sqlite introspection      some measures
#   bench/run.sh --rows                               also with a database full of rows
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --quiet -p authserver
cargo build --release --quiet -p bench
npm ci --prefix bench/node --silent --no-audit --no-fund
results=bench/results/$(date -u +%Y-%m-%dT%H-%M-%SZ).json
exec "$target/release/bench" --authserver "$(realpath "$target/release/authserver")" \
    --bare "$(realpath "$target/release/bare")" --node bench/node --results "$results" "$@"
