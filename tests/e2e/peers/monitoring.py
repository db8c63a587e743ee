"""Prometheus and Alertmanager, run on the files of `deploy/observability`.

What waits for minutes there waits for seconds here: a copy of the rules has each duration divided by `SCALE`
(`for: 5m` is 5 s, `[15m]` is 15 s, `[90d]` is 36 h), and scrapes and evaluations are `INTERVAL` apart. Expressions,
thresholds and labels are those that are shipped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import yaml

from .authserver import REPOSITORY
from .process import Process, answers, free_port, wait_until

SHIPPED = REPOSITORY / "deploy" / "observability"
GUIDE = REPOSITORY / "docs" / "operate" / "monitoring.md"
SCALE = 60
INTERVAL = "500ms"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def scaled(rules: str) -> str:
    """`rules` with the durations of `for:` and of range selectors divided by `SCALE`."""

    def divide(found: re.Match[str]) -> str:
        milliseconds = int(found[2]) * SECONDS[found[3]] * 1000 // SCALE
        return f"{found[1]}{milliseconds}ms"

    return re.sub(r"(\bfor: |\[)(\d+)([smhd])\b", divide, rules)


def guide_job() -> dict[str, Any]:
    """The scrape job as the guide prints it."""
    for block in re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL):
        if "scrape_configs" in block:
            (job,) = yaml.safe_load(block)["scrape_configs"]
            return job
    raise AssertionError(f"{GUIDE} has no scrape_configs")


class Alertmanager:
    def __init__(self, folder: Path, output: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self.process = Process(
            [
                "prometheus-alertmanager",
                f"--config.file={SHIPPED / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={self.address}",
                "--cluster.listen-address=",
            ],
            output / "alertmanager.log",
        )
        self.process.wait_ready(answers(f"{self.url}/-/ready", 200))

    def firing(self) -> set[str]:
        alerts = httpx.get(f"{self.url}/api/v2/alerts").raise_for_status().json()
        return {alert["labels"]["alertname"] for alert in alerts}


class Prometheus:
    """Scrapes the job `authplane` of the shipped configuration, with `job` laid over it, at `target`."""

    def __init__(
        self,
        folder: Path,
        output: Path,
        target: str,
        alertmanager: Alertmanager | None = None,
        job: dict[str, Any] | None = None,
    ) -> None:
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
        places = [{"targets": [alertmanager.address]}] if alertmanager else []
        config["alerting"]["alertmanagers"] = [{"static_configs": places}]
        (scrape,) = config["scrape_configs"]
        scrape |= {**(job or {}), "scrape_interval": INTERVAL, "static_configs": [{"targets": [target]}]}
        home = folder / "prometheus"
        home.mkdir()
        (home / "alerts.yaml").write_text(scaled((SHIPPED / "alerts.yaml").read_text()))
        (home / "prometheus.yml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        self.process = Process(
            [
                "prometheus",
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address={address}",
            ],
            output / "prometheus.log",
            {"NO_PROXY": "*"},
        )
        self.process.wait_ready(answers(f"{self.url}/-/ready", 200))

    def get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=15)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        return self.get("query", query=expression)["result"]

    def value(self, expression: str) -> float:
        """The sum of what `expression` yields; 0 when that is nothing."""
        return sum(float(found["value"][1]) for found in self.query(expression))

    def target(self) -> dict[str, Any]:
        """How the last scrape went."""

        def scraped() -> list[dict[str, Any]]:
            return [one for one in self.get("targets")["activeTargets"] if one["health"] != "unknown"]

        wait_until(lambda: bool(scraped()), 10, "a first scrape")
        return scraped()[0]

    def wait_scrapes(self, number: int) -> None:
        """Until `number` more scrapes have succeeded."""
        enough = self.value("sum_over_time(up[1h])") + number
        wait_until(lambda: self.value("sum_over_time(up[1h])") >= enough, 10 + 2 * number, f"{number} scrapes")

    def alerts_ever(self) -> set[str]:
        """The alerts that were firing at any time."""
        series = self.query('count_over_time(ALERTS{alertstate="firing"}[1h])')
        return {found["metric"]["alertname"] for found in series}
