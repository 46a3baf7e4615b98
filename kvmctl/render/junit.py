"""A report as JUnit's XML, which CI servers show as tests: each resource or action is one."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

from kvmctl.render.findings import Finding, Place, Sort, place, problem_place
from kvmctl.render.value import in_line

if TYPE_CHECKING:
    from kvmctl.errors import Problem
    from kvmctl.inventory import Address
    from kvmctl.render.report import Report

_FAILED: Final = (Sort.FAILED, Sort.REFUSED, Sort.MISSING, Sort.DIFFERS, Sort.HIDDEN, Sort.LEFT)
_PASSED: Final = (Sort.DONE,)


def text(report: Report) -> str:
    """Return the suite: what is as it should be passes, what is planned or waits is skipped, the rest fails."""
    name = f"kvmctl {report.command}"
    suite = ET.Element("testsuite", name=name)
    for problem in report.problems:
        _problem(suite, problem)
    for finding in report.findings:
        _finding(suite, finding)
    for resource in report.same:
        _case(suite, resource.address, str(resource.address), place(resource))
    counts = {
        "tests": len(suite), "failures": len(suite.findall("*/failure")), "errors": len(suite.findall("*/error")),
        "skipped": len(suite.findall("*/skipped")),
    }  # fmt: skip
    top = ET.Element("testsuites", name=name)
    for element in (top, suite):
        element.attrib.update({key: str(value) for key, value in counts.items()})
    top.append(suite)
    ET.indent(top)
    return "<?xml version='1.0' encoding='UTF-8'?>\n" + ET.tostring(top, encoding="unicode") + "\n"


def _finding(suite: ET.Element, finding: Finding) -> None:
    name = " ".join(filter(None, (str(finding.address), finding.operation)))
    case = _case(suite, finding.address, name, place(finding.resource))
    lines = [finding.told(change) for change in finding.changes]
    body = "\n".join(_clean(line) for line in (*filter(None, [finding.reason]), *lines))
    if finding.sort in _PASSED:
        ET.SubElement(case, "system-out").text = body
        return
    end = ET.SubElement(case, "failure" if finding.sort in _FAILED else "skipped")
    end.set("message", _clean(finding.words))
    if finding.sort in _FAILED:
        end.set("type", finding.sort.value)
    end.text = body


def _problem(suite: ET.Element, problem: Problem) -> None:
    where = problem_place(problem)
    case = ET.SubElement(
        suite, "testcase", classname="manifest", name=_clean(f"{problem.file} {problem.field}").strip()
    )
    _tell_place(case, where)
    error = ET.SubElement(case, "error", message=_clean(problem.message), type="manifest")
    error.text = _clean(str(problem))


def _case(suite: ET.Element, address: Address, name: str, where: Place | None) -> ET.Element:
    case = ET.SubElement(suite, "testcase", classname=address.kind, name=_clean(name))
    _tell_place(case, where)
    return case


def _tell_place(case: ET.Element, where: Place | None) -> None:
    if where is not None:
        case.set("file", _clean(where.file))
        case.set("line", str(where.line))


def _clean(said: str) -> str:
    """Return a text in one line without what XML 1.0 can't hold."""
    return in_line(said).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
