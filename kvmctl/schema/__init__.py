"""Models to JSON Schema, and a document that isn't valid to findings in kvmctl's words."""

from __future__ import annotations

from kvmctl.schema.explain import Finding, explain_problems
from kvmctl.schema.foreign import judged
from kvmctl.schema.generate import API_VERSION, combined, json_schema
from kvmctl.schema.hints import missing

__all__ = ["API_VERSION", "Finding", "combined", "explain_problems", "json_schema", "judged", "missing"]
