"""A network filter that is applied somewhere, with values for its variables (libvirt: docs/formatnwfilter)."""

from __future__ import annotations

from kvmctl.codec import Text
from kvmctl.fields import Model, model, xml


# libvirt prints parameters by name, and those of one name in the order in which they were given.
@model(keys=(("name", "value"),))
class FilterParameter(Model):
    """A value for a variable of a filter."""

    name: str | None = xml(
        "@name",
        required=True,
        codec=Text(r"[A-Za-z0-9_]+", "the name of a variable, without its $, such as IP"),
        doc="Name of the variable.",
    )
    value: str | None = xml(
        "@value",
        required=True,
        codec=Text(r"[A-Za-z0-9_.:]+", "letters, digits, _ . and : only"),
        doc="Value that takes the variable's place; several of one name make a list.",
    )


@model(short=("filter",))
class Filterref(Model):
    """A network filter and values for its variables; a bare name is enough."""

    filter: str | None = xml("@filter", required=True, refers="nwfilter", loose=True, doc="Name of a NetworkFilter.")
    parameters: tuple[FilterParameter, ...] | None = xml("parameter", doc="Values for the variables of the filter.")
