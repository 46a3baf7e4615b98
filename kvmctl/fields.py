"""How a field is declared, once: its type, its place in libvirt's XML, what changing it disturbs, and its meaning.

A model is a frozen dataclass whose attributes are rows. The rows alone drive the JSON Schema, reading, writing, the
diff, the choice of action, `kvmctl explain` and the reference pages.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Final, Literal, NoReturn, TypeVar, dataclass_transform

from kvmctl.codec import YES_NO, Choice, Codec, Integer, Text
from kvmctl.row import (
    PLAIN,
    UNSET,
    Declaration,
    Row,
    Shape,
    Source,
    Unset,
    Update,
    deciding,
    document,
    policy,
    state,
    xml,
)

__all__ = [
    "UNSET",
    "Model",
    "Row",
    "Shape",
    "Source",
    "Unset",
    "Update",
    "camel",
    "changed",
    "deciding",
    "document",
    "is_set",
    "key_of",
    "known",
    "make",
    "model",
    "policy",
    "row_of",
    "rows",
    "state",
    "stated",
    "stating",
    "trail_of",
    "xml",
]


class _Fields:
    """What the module dataclasses wants to know of a model, for its `replace`; made when it is asked for."""

    def __get__(self, _instance: object, model: Any) -> Mapping[str, Any]:
        return _dataclass_fields(model)


@cache
def _dataclass_fields(model: Any) -> Mapping[str, Any]:
    specs = [(row.name, Any, UNSET) for row in _rows(model).values()]
    like: Any = dataclasses.make_dataclass(model.__name__, specs, init=False, repr=False, eq=False)
    fields: Mapping[str, Any] = like.__dataclass_fields__
    return fields


class Model:
    """The root of all models: immutable instances, UNSET where the manifest is silent, compared by value."""

    keys: ClassVar[tuple[tuple[str, ...], ...]] = ()
    short: ClassVar[tuple[str, ...]] = ()
    implicit: ClassVar[tuple[tuple[str, str], ...]] = ()
    open_list: ClassVar[bool] = False
    in_order: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    declared: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    __dataclass_fields__: Any = _Fields()

    # What @dataclass would make of each of the many models, written once: it took half of the time to start.
    def __init__(self, **given: Any) -> None:
        unknown = given.keys() - self.__dataclass_fields__.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        self.__dict__.update(given)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name} can't be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name} can't be deleted")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__ or stated(self) == stated(other)

    def __hash__(self) -> int:
        return hash((type(self), frozenset(stated(self).items())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in stated(self).items())})"


def stated(instance: Model) -> dict[str, Any]:
    """Return the fields that an instance states, null ones too, by their Python names; of a whole model no defaults."""
    given = instance.__dict__
    if (kind := type(instance)).whole:
        return {name: value for name, value in given.items() if value is not None and value != getattr(kind, name)}
    return {name: value for name, value in given.items() if value is not UNSET}


M = TypeVar("M", bound=Model)
V = TypeVar("V")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(xml, state, policy, document))
def model(  # noqa: PLR0913 - each says one thing of a model
    *,
    keys: tuple[tuple[str, ...], ...] = (),
    short: tuple[str, ...] = (),
    implicit: tuple[tuple[str, str], ...] = (),
    open_list: bool = False,
    in_order: bool = False,
    whole: bool = False,
) -> Callable[[type[M]], type[M]]:
    """Return a class decorator that makes a model of a class of rows.

    `keys` are the alternatives by which the items of a list are matched, tried in order. `short` names the fields that
    a bare scalar in YAML stands for. `implicit` tells (attribute, value) of the items that libvirt adds by itself: they
    are no difference where a manifest doesn't list them. `open_list` says that this may be any item. `in_order` keeps
    the elements of the rows in the order of the rows. A model may take over the rows of others, which it names as its
    parents. An instance of a `whole` model says everything: what it doesn't state isn't left alone but has to be as
    libvirt's default is; a firewall's rule is no place for remains.
    """

    def decorate(cls: type[M]) -> type[M]:
        cls.declared = {name: said for name, said in vars(cls).items() if type(said) is Declaration}
        # No slots: what an instance doesn't state is then the class's own UNSET, which costs nothing to construct.
        for name in cls.declared:
            setattr(cls, name, UNSET)
        cls.keys, cls.short, cls.implicit = keys, short, implicit
        cls.open_list, cls.in_order, cls.whole = open_list, in_order, whole
        for name, (_, said) in _declarations(cls).items() if whole else ():
            default = said.get("default", UNSET)
            setattr(cls, name, said.get("absent") if default is UNSET else default)
        return cls

    return decorate


def make(cls: type[M], given: dict[str, Any]) -> M:
    """Return the instance that `cls(**given)` returns, much faster; the names have to be the model's."""
    made = object.__new__(cls)
    made.__dict__.update(given)
    return made


def rows(cls: type[Model]) -> Mapping[str, Row]:
    """Return the rows of a model by their YAML names, in the order of declaration, inherited ones last."""
    model: Any = cls
    return _rows(model)


@cache
def _rows(cls: type[Any]) -> Mapping[str, Row]:
    found = {}
    for name, (owner, said) in _declarations(cls).items():
        row = _complete(name, said, _hint(owner.__module__, owner.__annotations__[name]))
        found[row.yaml] = row
    return found


def _declarations(cls: type[Any]) -> dict[str, tuple[type[Any], Mapping[str, Any]]]:
    """Return each field's declaration and the model that makes it: its own first, then those that it takes over."""
    found: dict[str, tuple[type[Any], Mapping[str, Any]]] = {}
    for owner in cls.__mro__:
        for name, said in vars(owner).get("declared", {}).items():
            found.setdefault(name, (owner, said))
    return found


@cache
def _hint(module: str, annotation: Any) -> Any:
    """Return what an annotation stands for: typing.get_type_hints needs three times as long, at each start.

    Every field may be None, and that is left out: typing remembers unions and takes those of the same words in another
    order for the same (Python 3.11), so that the order of the words would depend on which module was loaded first.
    """
    if not isinstance(annotation, str):
        return annotation
    words, names = annotation.removesuffix(" | None"), vars(sys.modules[module])
    return _PLAIN_TYPES.get(words) or names.get(words) or eval(words, names)  # noqa: S307


def row_of(cls: type[Model], name: str) -> Row:
    """Return the row of a Python attribute name."""
    return next(row for row in rows(cls).values() if row.name == name)


def trail_of(cls: type[Model], path: Sequence[str]) -> tuple[Row, ...]:
    """Return the rows that lead to a field, outermost first; `path` are YAML names, without keys of list items."""
    trail: list[Row] = []
    for name in path:
        model: Any = trail[-1].model if trail else cls
        if model is None:
            break  # within a map or a document
        trail.append(rows(model)[name])
    return tuple(trail)


def _complete(name: str, said: Mapping[str, Any], hint: Any) -> Row:
    """Return the row with what its annotation says: shape, model, and the codec of a plain type."""
    if said.get("shape") is Shape.DOCUMENT:
        return Row(**said, name=name, yaml=camel(name))
    inner = _without_none(hint)
    shape, item = _shape(inner)
    codec = said.get("codec", PLAIN)
    if shape in (Shape.SCALAR, Shape.SCALARS, Shape.MAP) and codec is PLAIN:
        codec = _codec(item)
    held = item if shape in (Shape.MODEL, Shape.MODELS) else None
    given = {**said, "name": name, "yaml": camel(name), "shape": shape, "model": held, "codec": codec}
    return Row(**given)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return hint


def _shape(hint: Any) -> tuple[Shape, Any]:
    origin = typing.get_origin(hint)
    if origin is tuple:
        item = typing.get_args(hint)[0]
        return (Shape.MODELS if _is_model(item) else Shape.SCALARS), item
    if origin is Mapping:
        return Shape.MAP, typing.get_args(hint)[1]
    return (Shape.MODEL if _is_model(hint) else Shape.SCALAR), hint


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Model)


_PLAIN_TYPES: Final[Mapping[str, type]] = {kind.__name__: kind for kind in (bool, int, str)}
_PLAIN_CODECS: Final[Mapping[type, Codec[Any]]] = {bool: YES_NO, int: Integer(), str: Text()}


def _codec(hint: Any) -> Codec[Any]:
    if typing.get_origin(hint) is Literal:
        return Choice(typing.get_args(hint))
    return _PLAIN_CODECS[hint]


def camel(name: str) -> str:
    """Return the YAML name of a Python name: `boot_menu` gives `bootMenu`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def changed(instance: M, **given: Any) -> M:
    """Return the instance with other values; the names have to be the model's (dataclasses.replace is slow)."""
    return make(type(instance), instance.__dict__ | given)


def stating(cls: type[M], **given: Any) -> M:
    """Return an instance that states these fields and no others."""
    return make(cls, given)


def is_set(value: object) -> bool:
    """Say whether the manifest states the field; null counts."""
    return value is not UNSET


def known(value: V | None, default: V | None = None) -> V | None:
    """Return a field's value, or `default` where the manifest is silent or says null."""
    return default if value is None or value is UNSET else value


def key_of(item: Model) -> tuple[str, str]:
    """Return (YAML name, text) of the first key alternative that the item states; ('', '') where it states none."""
    for names in type(item).keys:
        values = [getattr(item, name) for name in names]
        if all(value is not UNSET and value is not None for value in values):
            return names[0], ":".join(str(value) for value in values)
    return "", ""
