"""A report as SARIF 2.1.0, which code scanning reads: each difference beside the line of the manifest that wants it."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from kvmctl import __version__
from kvmctl.render.findings import Finding, Level, Place, Sort, place, problem_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmctl.change import Change
    from kvmctl.errors import Problem
    from kvmctl.render.report import Report

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_MANIFEST: Final = "manifest"
_RULES: Final = {
    Sort.PLANNED: "An apply would change this resource.",
    Sort.DONE: "The apply changed this resource.",
    Sort.FAILED: "The apply could not change this resource.",
    Sort.SKIPPED: "The apply left this out, because what it needs failed.",
    Sort.MISSING: "The host does not have this resource.",
    Sort.HIDDEN: "This disk can't be seen while its pool is stopped.",
    Sort.DIFFERS: "The host's resource is not as the manifest says.",
    Sort.REFUSED: "This difference is not acted on.",
    Sort.PENDING: "The running machine gets this at its next start.",
    Sort.KEPT: "This is kept until a flag allows its removal.",
    Sort.UNMANAGED: "Somebody changed what the manifest of this resource leaves alone.",
    Sort.LEFT: "The project has this object, and no manifest names it any more.",
    Sort.FOREIGN: "The host has this object, which no manifest names.",
    _MANIFEST: "The manifest can't be used.",
}
_IDS: Final = list(_RULES)


def text(report: Report) -> str:
    """Return the log of one run; equal input gives equal bytes."""
    results = [_problem(problem) for problem in report.problems]
    results += [result for finding in report.findings for result in _results(finding)]
    rules = [{"id": str(each), "shortDescription": {"text": _RULES[each]}} for each in _IDS]
    driver = {"name": "kvmctl", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints",
        "automationDetails": {"id": f"kvmctl/{report.command}/"},
    }  # fmt: skip
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _results(finding: Finding) -> Iterator[dict[str, Any]]:
    """Yield a result for each difference of a finding; one for the whole where it comes, goes, or has none."""
    if finding.is_whole:
        yield _result(finding, None)
        return
    for change in finding.changes:
        yield _result(finding, change)


def _result(finding: Finding, change: Change | None) -> dict[str, Any]:
    told = [finding.told(change)] if change else []
    message = "; ".join(filter(None, (f"{finding.address} {finding.words}", *told, finding.reason)))
    name = f"{finding.address} {change.text}" if change else str(finding.address)
    key = [str(finding.address), finding.operation, finding.sort.value, change.text if change else ""]
    properties = {"address": str(finding.address), "operation": finding.operation}
    if finding.disruption is not None:
        properties["disruption"] = finding.disruption.word
    if finding.drift is not None:
        properties["class"] = finding.drift.value
    where = _location(place(finding.resource, change))
    where["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "resource"}]
    return {
        "ruleId": finding.sort.value, "ruleIndex": _IDS.index(finding.sort), "level": finding.level.value,
        "message": {"text": message}, "locations": [where], "properties": properties,
        "partialFingerprints": {"kvmctl/v1": _digest(key)},
    }  # fmt: skip


def _problem(problem: Problem) -> dict[str, Any]:
    where = _location(problem_place(problem))
    said = f"{problem.field}: {problem.message}" if problem.field else problem.message
    return {
        "ruleId": _MANIFEST, "ruleIndex": _IDS.index(_MANIFEST), "level": Level.ERROR.value,
        "message": {"text": f"{said}; {problem.hint}" if problem.hint else said}, "locations": [where] if where else [],
        "partialFingerprints": {"kvmctl/v1": _digest([_MANIFEST, problem.file, problem.field, problem.message])},
    }  # fmt: skip


def _location(found: Place | None) -> dict[str, Any]:
    if found is None:
        return {}
    path = PurePath(found.file)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    region = {"startLine": found.line, "startColumn": found.column}
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def _digest(parts: list[str]) -> str:
    """Return what recognises a finding from run to run, whatever its values and line are."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
