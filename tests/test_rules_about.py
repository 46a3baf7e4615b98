"""Rules that are asked only where a field is stated that they are about: without it they have nothing to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kvmctl.document import Mismatch, decode
from kvmctl.fields import make
from kvmctl.models.vm import VirtualMachine
from kvmctl.rules.finding import ABOUT

CASES = Path(__file__).parent / "cases"
RULES = sorted(ABOUT, key=lambda rule: f"{rule.__module__}.{rule.__name__}")


def machines() -> list[VirtualMachine]:
    """Return the specs of all machines in the stories, of those that are refused too."""
    found = []
    for file in CASES.rglob("*.yaml"):
        try:
            documents = list(yaml.load_all(file.read_bytes(), yaml.CSafeLoader))
        except (yaml.YAMLError, ValueError, UnicodeDecodeError):
            continue
        for document in documents:
            if isinstance(document, dict) and document.get("kind") == "VirtualMachine":
                try:
                    found.append(decode(VirtualMachine, document.get("spec"), part=True))
                except Mismatch:
                    continue
    return found


MACHINES = machines()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.__module__.rpartition('.')[2]}-{rule.__name__}")
def test_a_rule_says_nothing_without_what_it_is_about(rule: Any) -> None:
    said = [machine for machine in MACHINES if list(rule(machine))]
    assert said, "no story makes the rule say anything"
    for machine in MACHINES:
        left = {name: value for name, value in machine.__dict__.items() if name not in ABOUT[rule]}
        assert not list(rule(make(VirtualMachine, left)))
