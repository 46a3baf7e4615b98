"""Secrets: defined, given their value, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kvmctl.apply.definition import define_change, define_new
from kvmctl.credentials import value_of
from kvmctl.fields import UNSET, changed, known

if TYPE_CHECKING:
    from kvmctl.actions import Action
    from kvmctl.apply.context import Context
    from kvmctl.inventory import Live
    from kvmctl.models.secret import Secret


def create(action: Action, context: Context) -> None:
    """Define a secret and give it its value, which is fetched first: nothing is made where it can't be had.

    One that is to be private is readable until it has its value: a killed apply leaves a secret of which the next one
    still finds out that the value is missing.
    """
    spec, hypervisor = cast("Secret", context.want(action).spec), context.hypervisor
    value = value_of(context.want(action)) if known(spec.value) is not None else b""
    made: list[str] = []

    def define(xml: str, *, validate: bool = True) -> None:
        made.append(hypervisor.define_secret(xml, validate=validate))

    define_new(
        action.address,
        changed(spec, private=UNSET) if value else spec,
        define,
        lambda: hypervisor.secret_xml(made[0]),
        lambda: hypervisor.undefine_secret(made[0]),
    )
    if value:
        hypervisor.set_secret_value(made[0], value)
        if known(spec.private):
            _define(action, context, made[0])


def redefine(action: Action, context: Context) -> None:
    """Write the manifest's fields onto the definition; the value stays."""
    _define(action, context, _uuid(action, context))


def _define(action: Action, context: Context, uuid: str) -> None:
    hypervisor = context.hypervisor
    define_change(
        action.address,
        context.want(action).spec,
        hypervisor.define_secret,
        lambda: hypervisor.secret_xml(uuid),
        former=hypervisor.secret_xml(uuid),
    )


def set_value(action: Action, context: Context) -> None:
    """Give an existing secret its value."""
    context.hypervisor.set_secret_value(_uuid(action, context), value_of(context.want(action)))


def delete(action: Action, context: Context) -> None:
    """Remove a secret and its value."""
    context.hypervisor.undefine_secret(_uuid(action, context))


def _uuid(action: Action, context: Context) -> str:
    return str(cast("Live", context.plan.have[action.address].live).facts["uuid"])
