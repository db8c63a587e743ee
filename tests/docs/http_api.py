#!/usr/bin/env python3
"""Writes docs/reference/http-api.md from docs/reference/openapi.json.

    tests/docs/http_api.py > docs/reference/http-api.md
"""

import json
import sys
from pathlib import Path

DESCRIPTION = Path(__file__).resolve().parents[2] / "docs/reference/openapi.json"
INTRODUCTION = """<!-- Generated from openapi.json. Do not edit. After a change to the routes:
     UPDATE_REFERENCE=1 cargo nextest run -p admin && tests/docs/http_api.py > docs/reference/http-api.md -->
# HTTP API

Every route that software calls, as [openapi.json](openapi.json) (OpenAPI 3.1) describes it; a running server serves the
same at `/admin/openapi.json`. [HTTP](http.md) tells what the routes do, and has the pages for people.

Parameters in *italics* are optional. `→` names what a good answer carries; errors carry `ErrorBody`.
"""
METHODS = ("get", "post", "patch", "delete")


def name(schema: dict) -> str:
    """A schema in a few characters."""
    if "$ref" in schema:
        shown = schema["$ref"].rsplit("/", 1)[1]
        return f"[{shown}](#{shown.lower()})"
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return " or ".join(name(own) for own in schema[key])
    kind = schema.get("type", "any")
    kinds = [kind] if isinstance(kind, str) else kind
    words = {"array": lambda: f"list of {name(schema.get('items', {}))}", "string": lambda: schema.get("format", "string")}
    return " or ".join(words.get(own, lambda own=own: own)() for own in kinds)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def route(method: str, path: str, operation: dict) -> str:
    takes = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            continue
        mark = "" if parameter.get("required") else "*"
        takes.append(f"{mark}`{parameter['name']}`{mark}")
    for content in operation.get("requestBody", {}).get("content", {}).values():
        takes.append("a form" if "properties" in content["schema"] else name(content["schema"]))
    good = [
        f"{status} " + ", ".join(dict.fromkeys(name(own["schema"]) for own in answer.get("content", {}).values()))
        for status, answer in operation["responses"].items()
        if status < "400"
    ]
    line = f"{operation['summary']} {', '.join(takes)}".strip()
    return f"| `{method.upper()} {path}` | {cell(line)} | → {cell('; '.join(good))} |"


def schema(title: str, own: dict) -> list[str]:
    lines = [f"### {title}", ""]
    if text := own.get("description"):
        lines += [cell(text), ""]
    if "enum" in own:
        return [*lines, "One of " + ", ".join(f"`{word}`" for word in own["enum"]) + ".", ""]
    if "properties" not in own:
        return [*lines, name(own), ""]
    lines += ["| member | | |", "|---|---|---|"]
    for member, kind in own["properties"].items():
        mark = "" if member in own.get("required", []) else "*"
        lines.append(f"| {mark}`{member}`{mark} | {name(kind)} | {cell(kind.get('description', ''))} |")
    return [*lines, ""]


def main() -> None:
    document = json.loads(DESCRIPTION.read_text())
    lines = [INTRODUCTION]
    for tag in document["tags"]:
        lines += [f"## {tag['name']}", "", f"{tag['description']}.", "", "| route | | |", "|---|---|---|"]
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item and tag["name"] in item[method]["tags"]:
                    lines.append(route(method, path, item[method]))
        lines.append("")
    lines += ["## Shapes", ""]
    for title, own in document["components"]["schemas"].items():
        lines += schema(title, own)
    sys.stdout.write("\n".join(lines).rstrip() + "\n")


main()
