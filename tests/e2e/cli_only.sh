#!/usr/bin/env bash
# Sets a server up by its command line alone, gets tokens by curl, and prints what introspection says of them.
# cli_only.sh ISSUER AUTHSERVER ARGUMENT...: the arguments say where commands are carried out.
set -euo pipefail
issuer=$1
shift
run() { "${authserver[@]}" "$@"; }
authserver=("$@")

field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
token() { curl -sS --fail-with-body -u "$1" "$issuer/oauth/token" "${@:2}"; }

run resource create --slug notes --uri https://notes.example/mcp --scopes 'notes:read||Read notes' >/dev/null
run resource create --slug search --uri https://search.example/mcp --scopes 'find||Search' >/dev/null
run fronting create notes search --scope-map 'notes:read=find' --dry-run >/dev/null
run fronting create notes search --scope-map 'notes:read=find' >/dev/null
echo 'correct horse battery' | run user create --email ada@example.com --name Ada --password - >/dev/null
run user update ada@example.com --name 'Ada Lovelace' >/dev/null

agent=$(run client create --name agent --grant-type client_credentials --scope notes:read --json)
gateway=$(run client create --name gateway --grant-type client_credentials --grant-type token-exchange --json)
tool=$(run client create --name tool --grant-type client_credentials --json)
id() { field client_id <<<"$1"; }
basic() { echo "$(id "$1"):$(field client_secret <<<"$1")"; }
run resource runtime-client add notes "$(id "$gateway")" >/dev/null
run resource runtime-client add search "$(id "$tool")" >/dev/null
run resource exchange-client add search "$(id "$gateway")" >/dev/null
run dcr set admin_only >/dev/null

# A running server notices within a second.
for _ in $(seq 50); do
    first=$(token "$(basic "$agent")" -d grant_type=client_credentials -d resource=https://notes.example/mcp \
        -d scope=notes:read) && break
    sleep 0.1
done
first=$(field access_token <<<"$first")
second=$(token "$(basic "$gateway")" --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
    --data-urlencode subject_token="$first" -d subject_token_type=urn:ietf:params:oauth:token-type:access_token \
    -d resource=https://search.example/mcp -d scope=find)
second=$(field access_token <<<"$second")
introspect() { curl -sS --fail-with-body -u "$(basic "$1")" "$issuer/oauth/introspect" -d token="$2"; }
introspect "$gateway" "$first"
echo
introspect "$tool" "$second"
echo
