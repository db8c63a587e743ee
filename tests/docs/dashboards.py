#!/usr/bin/env python3
"""Draws the Grafana dashboards of deploy/observability from what a Prometheus answers to their queries, one SVG for
each, and fails when a query has no data.

    tests/docs/dashboards.py http://localhost:9090 docs/images
"""

import json
import math
import sys
import time
import urllib.parse
import urllib.request
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "deploy/observability/grafana/dashboards"
SPAN, STEP = 60, 1
WIDTH, HEIGHT, STAT_HEIGHT, ROW = 480, 190, 90, 34
COLOURS = ["#3b82c4", "#d97b29", "#4a9d5b", "#b8475c", "#7c63b8", "#8a6d4f", "#c46ba8", "#6b7785"]
# What Grafana fills in.
VARIABLES = {"$__rate_interval": "10s", "$instance": ".*"}
Series = list[tuple[str, list[tuple[float, float]]]]


def ask(url: str, expression: str, end: float) -> list[dict]:
    parameters = {"query": expression, "start": end - SPAN, "end": end, "step": STEP}
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(parameters)}") as answer:
        return json.load(answer)["data"]["result"]


def data(url: str, target: dict, end: float) -> Series:
    """What the query of a panel yields, named by its legend."""
    expression = target["expr"]
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    series = []
    for found in ask(url, expression, end):
        name = target["legendFormat"]
        for label, value in found["metric"].items():
            name = name.replace("{{" + label + "}}", value)
        points = [(at, float(value)) for at, value in found["values"] if math.isfinite(float(value))]
        if points:
            series.append((name.replace("urn:ietf:params:oauth:grant-type:", ""), points))
    return series


def say(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def text(x: float, y: float, words: str, size: int = 11, anchor: str = "start", fill: str = "#667") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>'


def panel(spec: dict, series: Series, x: float, y: float, width: float, height: float, end: float) -> str:
    unit = spec["fieldConfig"]["defaults"]["unit"]
    drawn = [f'<rect x="{x + 4}" y="{y + 4}" width="{width - 8}" height="{height - 8}" rx="4" fill="#fff" stroke="#d8dce4"/>']
    drawn.append(text(x + 14, y + 23, spec["title"], 12, fill="#223"))
    if spec["type"] == "stat":
        value = say(series[0][1][-1][1], unit)
        return "".join([*drawn, text(x + width / 2, y + height - 22, value, 26, "middle", "#2f7d46")])
    left, right, top, bottom = x + 58, x + width - 18, y + 36, y + height - 40
    most = max(value for _, points in series for _, value in points) or 1
    for share in (0, 0.5, 1):
        at = bottom - share * (bottom - top)
        drawn.append(f'<path d="M{left:g} {at:g}H{right:g}" stroke="#e8ebf0"/>')
        drawn.append(text(left - 6, at + 4, say(share * most, unit), 10, "end"))
    legend = left
    for number, (name, points) in enumerate(sorted(series, key=lambda one: -one[1][-1][1])):
        colour = COLOURS[number % len(COLOURS)]
        place = " ".join(
            f"{left + (at - end + SPAN) / SPAN * (right - left):.1f},{bottom - value / most * (bottom - top):.1f}"
            for at, value in points
        )
        drawn.append(f'<polyline points="{place}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        length = 6 * len(name) + 24
        if legend + length < right:
            drawn.append(f'<rect x="{legend:g}" y="{y + height - 25:g}" width="10" height="3" fill="{colour}"/>')
            drawn.append(text(legend + 14, y + height - 20, name, 10))
            legend += length
    return "".join(drawn)


def draw(url: str, dashboard: dict, end: float) -> tuple[str, list[str]]:
    """The picture, and the queries that have no data."""
    drawn, empty = [], []
    columns = {"stat": 4, "timeseries": 2}
    x = y = row_height = 0.0
    for spec in dashboard["panels"]:
        width, height = 2 * WIDTH / columns.get(spec["type"], 1), STAT_HEIGHT if spec["type"] == "stat" else HEIGHT
        if spec["type"] == "row" or x + width > 2 * WIDTH:
            x, y, row_height = 0, y + row_height, 0
        if spec["type"] == "row":
            drawn.append(text(8, y + 24, spec["title"], 13, fill="#223"))
            y += ROW
            continue
        series: Series = []
        for target in spec["targets"]:
            found = data(url, target, end)
            series += found
            if not found:
                empty.append(f"{dashboard['title']}: {spec['title']}: no data for {target['expr']}")
        if series:
            drawn.append(panel(spec, series, x, y, width, height, end))
        x, row_height = x + width, height
    size = f'width="{2 * WIDTH}" height="{y + row_height + 8:g}"'
    style = 'font-family="system-ui, sans-serif"'
    background = '<rect width="100%" height="100%" fill="#f5f6f9"/>'
    lines = "\n".join([background, *drawn])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{lines}\n</svg>\n', empty


def main() -> int:
    url, folder = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    end = float(int(time.time()))
    missing = []
    for file in sorted(FOLDER.glob("*.json")):
        picture, empty = draw(url, json.loads(file.read_text()), end)
        (folder / f"dashboard-{file.stem}.svg").write_text(picture)
        missing += empty
    print("\n".join(missing), file=sys.stderr, end="\n" if missing else "")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
