"""YAML that isn't a manifest: read as its reader will, by the rules of YAML 1.1."""

from __future__ import annotations

from typing import Any

import yaml

from kvmctl.manifest import syntax


def foreign(text: str) -> Any:
    """Return what a YAML text says to PyYAML, which is what cloud-init reads with; ValueError says what is wrong."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        message, _hint = syntax.explain(text, error)
        mark = syntax.mark_of(error)
        raise ValueError(f"{message} (line {mark.line + 1})" if mark is not None else message) from error
