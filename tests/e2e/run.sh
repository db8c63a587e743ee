#!/usr/bin/env bash
# Runs the end-to-end tests against a built authserver (AUTHSERVER_BIN, or the newest build of this
# repository). Arguments go to pytest: tests/e2e/run.sh -k sqlite -x
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
"$here/setup.sh"
venv=${CARGO_TARGET_DIR:-$root/target}/venv
export PATH="$venv/bin:$PATH"
exec "$venv/bin/python" -m pytest "$here" "$@"
