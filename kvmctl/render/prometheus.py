"""A report as Prometheus reads it, from node exporter's textfile directory for one: how many, and which."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from kvmctl.actions import Disruption
from kvmctl.apply.result import Status
from kvmctl.plan.drift import DriftClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry, Gauge

    from kvmctl.render.report import Report


def text(report: Report) -> str:
    """Return the metrics, each labelled with the command, so that several commands' files can lie side by side.

    There is no time in them: node exporter tells that of the file.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    for name, told, labels, values in _families(report):
        gauge = _gauge(registry, name, told, ("command", *labels))
        for key, value in values.items():
            gauge.labels(report.command, *key).set(value)
    return generate_latest(registry).decode()


def _families(report: Report) -> Iterator[tuple[str, str, tuple[str, ...], Counter[Any]]]:
    """Yield the name, the help, the labels and the values of each metric."""
    wrong = Counter({(): len(report.problems)})
    yield "problems", "Problems in the manifests, which then can't be compared.", (), wrong
    if report.plan is None:
        return
    found = Counter((each.address.kind, each.address.name, each.sort.value) for each in report.findings)
    yield "findings", "What was found of a resource.", ("kind", "name", "finding"), found
    if report.command == "apply":
        ends = Counter({(each.value,): 0 for each in Status})
        ends.update((each.sort.value,) for each in report.findings if each.sort.value in {*Status})
        yield "results", "Actions of the apply, by what became of them.", ("status",), ends
        return
    if report.command == "drift":
        drifting = Counter({(each.value,): 0 for each in DriftClass})
        drifting.update((each.drift.value,) for each in report.findings if each.drift)
        yield "drift", "Findings of drift, by their class.", ("class",), drifting
    states = Counter({(state,): count for state, count in report.counts.items()})
    yield "resources", "Resources of the manifests, by what has to be done.", ("state",), states
    classes = Counter({(each.word,): 0 for each in Disruption})
    classes.update((action.disruption.word,) for action in report.plan.actions)
    yield "actions", "Actions that remove the differences, by what they disturb.", ("disruption",), classes


def _gauge(registry: CollectorRegistry, name: str, told: str, labels: tuple[str, ...]) -> Gauge:
    from prometheus_client import Gauge

    return Gauge(f"kvmctl_{name}", told, labels, registry=registry)
