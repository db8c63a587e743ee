"""The files of `deploy/observability`, as far as they can be judged without a server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml
from peers.monitoring import SHIPPED, guide_job

# Of the monitoring guide, to the letter: name, expression, duration, severity.
SIX = [
    ("AuthPlaneAuthDeniedSpike", "rate(authserver_auth_denied_total[5m]) > 10", "5m", "warning"),
    ("AuthPlaneRefreshTokenReuse", "rate(authserver_refresh_token_reuse_total[5m]) > 0", "1m", "critical"),
    ("AuthPlaneDPoPRejectionSpike", "rate(authplane_dpop_proofs_rejected_total[5m]) > 5", "5m", "warning"),
    (
        "AuthPlaneTokenIssuanceSlow",
        "histogram_quantile(0.99, rate(authserver_token_issuance_duration_seconds_bucket[5m])) > 0.5",
        "10m",
        "warning",
    ),
    (
        "AuthPlaneKeyRotationStale",
        "(increase(authserver_key_rotation_total[90d]) == 0) or absent(authserver_key_rotation_total)",
        "1h",
        "warning",
    ),
    (
        "AuthPlaneUpstreamRefreshFailing",
        'rate(authserver_upstream_token_refresh_total{outcome="failed"}[15m]) > 0',
        "15m",
        "warning",
    ),
]


def test_first_group_is_the_six_rules_of_the_guide() -> None:
    first = yaml.safe_load((SHIPPED / "alerts.yaml").read_text())["groups"][0]
    assert first["name"] == "authplane"
    assert [(rule["alert"], rule["expr"], rule["for"], rule["labels"]["severity"]) for rule in first["rules"]] == SIX


def test_promtool_accepts_the_rules_and_every_rule_has_its_tests() -> None:
    files = [str(SHIPPED / name) for name in ("alerts_test.yaml", "alerts_days_test.yaml")]
    for argv in (
        ["promtool", "check", "config", str(SHIPPED / "prometheus.yml")],
        ["promtool", "check", "rules", str(SHIPPED / "alerts.yaml")],
        ["promtool", "test", "rules", *files],
    ):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
    firing, silent = set(), set()
    for file in files:
        for test in yaml.safe_load(Path(file).read_text())["tests"]:
            for check in test["alert_rule_test"]:
                (firing if check["exp_alerts"] else silent).add(check["alertname"])
    groups = yaml.safe_load((SHIPPED / "alerts.yaml").read_text())["groups"]
    assert firing == silent == {rule["alert"] for group in groups for rule in group["rules"]}


def test_every_alert_leads_to_its_section_of_the_runbook() -> None:
    page = (SHIPPED.parents[1] / "docs/operate/runbook.md").read_text()
    for group in yaml.safe_load((SHIPPED / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            name = rule["alert"]
            assert rule["annotations"]["runbook_url"] == f"docs/operate/runbook.md#{name.lower()}"
            assert f"\n## {name}\n" in page


def test_scrape_of_the_guide_has_the_shape_that_is_printed() -> None:
    assert guide_job() == {
        "job_name": "authplane",
        "metrics_path": "/metrics",
        "scrape_interval": "15s",
        "basic_auth": {"username": "metrics", "password": "${AUTHPLANE_ADMIN_API_KEY}"},
        "static_configs": [{"targets": ["authplane:9001"]}],
    }


def test_compose_and_provisioning_name_what_is_there() -> None:
    for file in SHIPPED.rglob("*.y*ml"):
        assert yaml.safe_load(file.read_text()), file
    compose = yaml.safe_load((SHIPPED / "compose.yaml").read_text())
    services, networks = compose["services"], compose["networks"]
    for service in services.values():
        assert set(service["networks"]) <= set(networks)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (SHIPPED / source).exists() if source.startswith(".") else source in compose["volumes"], volume
    prometheus = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    places = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert {place.split(":")[0] for place in places} <= set(services)
    collector = yaml.safe_load((SHIPPED / "otel-collector.yaml").read_text())
    for pipeline in collector["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(collector[kind])
