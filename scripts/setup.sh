#!/usr/bin/env bash
# Installs what building and running need on a fresh Debian machine; with "test", also what the
# tests need. Quick when everything is there already.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
purpose=${1:-run}

packages=()
command -v cc >/dev/null || packages+=(build-essential)
command -v curl >/dev/null || packages+=(curl ca-certificates)
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)
if [ ${#packages[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || { echo "setup.sh: run as root once, or: apt-get install ${packages[*]}" >&2; exit 1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -qy --no-install-recommends "${packages[@]}"
fi

if ! command -v cargo >/dev/null && [ ! -x "$HOME/.cargo/bin/cargo" ]; then
    # Debian's own Rust is too old; rust-toolchain.toml names the version that is needed.
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
fi
export PATH="$HOME/.cargo/bin:$PATH"

if [ "$purpose" = test ]; then
    command -v cargo-nextest >/dev/null || cargo install --locked cargo-nextest
    "$root/tests/e2e/setup.sh"
fi
