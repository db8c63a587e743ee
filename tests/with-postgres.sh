#!/usr/bin/env bash
# Runs a command with a PostgreSQL cluster that lives exactly as long:
#
#   tests/with-postgres.sh cargo nextest run
#
# The cluster is real (fsync on), in a temporary folder, on a free port of 127.0.0.1. Tests
# find it through TEST_POSTGRES and make databases of their own in it.
set -euo pipefail

if [ "$#" -eq 0 ]; then
    echo "usage: $0 COMMAND [ARGUMENT...]" >&2
    exit 2
fi

programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$programs" ] || [ ! -x "$programs/postgres" ]; then
    echo "PostgreSQL is not installed; run \`make test\`" >&2
    exit 1
fi

folder=$(mktemp -d -t authplane-postgres-XXXXXX)
# PostgreSQL refuses to run as root.
as_owner=()
if [ "$(id -u)" -eq 0 ]; then
    owner=postgres
    id "$owner" >/dev/null 2>&1 || owner=nobody
    chown "$owner" "$folder"
    as_owner=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --clear-groups)
fi
run() { (cd "$folder" && "${as_owner[@]}" "$programs/$1" "${@:2}"); }

stop() {
    run pg_ctl stop -D "$folder/data" -m immediate >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

run initdb --no-sync --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
    --username authplane --pgdata "$folder/data" >"$folder/initdb.log" 2>&1 ||
    { cat "$folder/initdb.log" >&2; exit 1; }

for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    if run pg_ctl start -w -D "$folder/data" -l "$folder/data/log" \
        -o "-p $port -k $folder -c listen_addresses=127.0.0.1 -c max_connections=300" >/dev/null; then
        started=yes
        break
    fi
done
if [ -z "${started:-}" ]; then
    cat "$folder/data/log" >&2
    exit 1
fi

export TEST_POSTGRES="postgres://authplane@127.0.0.1:$port/postgres?sslmode=disable"
"$@"
