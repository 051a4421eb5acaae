"""Alerts and dashboards: their expressions are sound, and ask for nothing that a running server does not tell."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.settings import PREFIX, Settings
from tests.callers import Caller
from tests.deploy.files import DEPLOY, Document, document
from tests.servers import running
from tests.sockets import Connection
from tests.watching import metrics

RULES: list[Document] = [rule for group in document("prometheus/alerts.yml")["groups"] for rule in group["rules"]]
BOARDS = {file.name: json.loads(file.read_text()) for file in sorted((DEPLOY / "grafana").glob("*.json"))}
PROMETHEUS_ITSELF = {"up"}
OF_PROMETHEUS = {"instance", "job"}
"""Labels that a scrape adds."""

ALERTED = {rule["alert"]: rule["expr"] for rule in RULES}
DRAWN = {
    f"{name}: {panel['title']}: {target['refId']}": target["expr"]
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel["targets"]
}
EXPRESSIONS = ALERTED | DRAWN


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of each metric of a server that has served."""
    found: dict[str, set[str]] = {}
    with running(tmp_path_factory.mktemp("server") / "data") as server:
        with Caller(server) as caller:
            caller.counted(caller.opened(), "evt-1")
        with closing(Connection(server.address)) as watcher:
            for sample in metrics(watcher):
                name, _, labels = sample.partition("{")
                found.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    return found


def parsed(expression: str) -> promql_parser.Expr:
    """An expression, with Grafana's own variables filled in."""
    return promql_parser.parse(expression.replace("$__rate_interval", "1m").replace("$instance", ".*"))


def selectors(part: Any) -> Iterator[promql_parser.VectorSelector]:
    """Every selection of a metric in an expression."""
    match part:
        case promql_parser.VectorSelector():
            yield part
        case promql_parser.MatrixSelector():
            yield part.vector_selector
        case promql_parser.BinaryExpr():
            yield from selectors(part.lhs)
            yield from selectors(part.rhs)
        case promql_parser.Call():
            for argument in part.args:
                yield from selectors(argument)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr():
            yield from selectors(part.expr)
        case _:
            assert isinstance(part, promql_parser.NumberLiteral), part


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_an_expression_asks_for_what_a_server_tells(place: str, told: dict[str, set[str]]) -> None:
    asked = list(selectors(parsed(EXPRESSIONS[place])))
    assert asked
    for selector in asked:
        assert selector.name is not None
        assert selector.name in told.keys() | PROMETHEUS_ITSELF
        for matcher in selector.matchers.matchers:
            assert matcher.name in told.get(selector.name, set()) | OF_PROMETHEUS
            if matcher.name == "operation":
                assert set(matcher.value.split("|")) <= {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_what_is_grouped_by_is_there(place: str, told: dict[str, set[str]]) -> None:
    expression = EXPRESSIONS[place]
    named = {selector.name for selector in selectors(parsed(expression))}
    labels = OF_PROMETHEUS.union(*(told.get(name or "", set()) for name in named))
    for group in re.findall(r"\bby \(([^)]*)\)", expression):
        assert set(re.split(r",\s*", group)) <= labels


def test_every_metric_of_ours_is_drawn(told: dict[str, set[str]]) -> None:
    drawn = " ".join(DRAWN.values())
    families = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in told}
    ours = {family for family in families if family.startswith("hydrobit_")}
    assert len(ours) >= 5
    assert [family for family in ours if family not in drawn] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: Document) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["action"].endswith(".")


def test_the_alerts_thresholds_are_those_of_the_settings() -> None:
    assert f"> {Settings().queue_length_max // 2}" in ALERTED["HydrobitQueueLong"]
    assert f"> {Settings().connections_max * 8 // 10}" in ALERTED["HydrobitConnectionsNearLimit"]


@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_an_example_scrapes_the_job_that_the_alerts_name_and_loads_them(name: str) -> None:
    example = document(f"prometheus/{name}")
    (job,) = example["scrape_configs"]
    assert all(f'job="{job["job_name"]}"' in expression for expression in ALERTED.values())
    assert job.get("metrics_path", "/metrics") == "/metrics"
    assert all((DEPLOY / "prometheus" / rules).exists() for rules in example["rule_files"])


def test_the_examples_find_the_nodes_of_the_compose_file_and_of_the_manifests() -> None:
    (job,) = document("prometheus/prometheus.yml")["scrape_configs"]
    nodes = {f"{name}:8080" for name in document("compose/compose.yaml")["services"] if name.startswith("node-")}
    assert {target for config in job["static_configs"] for target in config["targets"]} == nodes
    (job,) = document("prometheus/kubernetes.yml")["scrape_configs"]
    template = document("kubernetes/deployment.yaml")["spec"]["template"]
    labels = {f"{name}={value}" for name, value in template["metadata"]["labels"].items()}
    assert {selector["label"] for config in job["kubernetes_sd_configs"] for selector in config["selectors"]} == labels
    ports = {port["name"] for container in template["spec"]["containers"] for port in container["ports"]}
    assert job["relabel_configs"][0]["regex"] in ports


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_can_be_imported(name: str) -> None:
    board = BOARDS[name]
    assert (board["uid"], board["schemaVersion"]) == (Path(name).stem, 39)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    variables = {variable["name"] for variable in board["templating"]["list"]}
    text = json.dumps(board["panels"])
    assert set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval"} <= variables
    known = {PREFIX + field.name.upper() for field in fields(Settings)}
    assert set(re.findall(r"HYDROBIT_\w+", text)) <= known


def test_no_two_panels_of_a_dashboard_lie_over_each_other() -> None:
    for board in BOARDS.values():
        places = [
            (x, y)
            for place in (panel["gridPos"] for panel in board["panels"])
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(places) == len(set(places))
        assert all(x < 24 for x, _ in places)
