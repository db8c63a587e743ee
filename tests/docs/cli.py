#!/usr/bin/env python3
"""Writes docs/reference/cli.md from the help of a built authserver.

    tests/docs/cli.py target/debug/authserver > docs/reference/cli.md
"""

import re
import subprocess
import sys

INTRODUCTION = """<!-- Generated from `authserver … --help`. Do not edit. After a change to the command line:
     tests/docs/cli.py target/debug/authserver > docs/reference/cli.md -->
# Command line

`--config FILE`, or the variable `AUTHPLANE_CONFIG`, names the configuration file for every command. Without it
the defaults and the environment count. So that they mean the same database and keys, run commands in the folder
of the server, or with the same file and variables.

`admin` commands work on the database and the key directory themselves, also while a server runs, which notices
within a second; or, with `--server`, at a server elsewhere ([how](../operate/cli.md)). Output is text for people, or
JSON with `--json`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed; one line on standard error says what, and what to do |
| 2 | wrong usage |

## Examples

```sh
authserver admin user create --email ana@example.com --name Ana --password -   # reads standard input
authserver admin resource create --slug notes --uri https://mcp.example.com/mcp \\
    --scopes 'notes:read||Read your notes'
authserver admin client list --source dcr --q claude --json
authserver admin client suspend CLIENT_ID
authserver admin user force-logout ana@example.com
authserver admin key rotate
authserver admin dcr set admin_only
authserver purge --only sessions,authorization-codes --timeout 5m
```
"""


def text(binary: str, command: list[str]) -> str:
    answer = subprocess.run(
        ["authserver", *command, "--help"], executable=binary, check=True, capture_output=True, text=True,
        env={"COLUMNS": "100", "NO_COLOR": "1", "PATH": ""},
    )
    return answer.stdout.rstrip()


def walk(binary: str, command: list[str]) -> None:
    help_text = text(binary, command)
    if command:
        print(f"\n## authserver {' '.join(command)}\n\n```text\n{help_text}\n```")
    found = re.search(r"^Commands:\n((?: .*\n?)+)", help_text, re.MULTILINE)
    for line in found[1].splitlines() if found else []:
        name = re.match(r"  ([a-z][a-z-]*)", line)
        if name and name[1] != "help":
            walk(binary, [*command, name[1]])


if len(sys.argv) != 2:
    sys.exit(__doc__)
print(INTRODUCTION, end="")
walk(sys.argv[1], [])
