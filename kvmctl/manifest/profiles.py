"""Profiles put under the resources that name them, and what is wrong with profiles and their names."""

from __future__ import annotations

import difflib
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from kvmctl import layering
from kvmctl.fields import Model, known, make
from kvmctl.inventory import Address, Layer, Origin, Resource
from kvmctl.manifest.documents import PROFILES, concerns_profiles
from kvmctl.models import BY_SHORT, PROFILE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

Path = tuple[str | int, ...]

_FEW: Final = 12
_LOST: Final = Layer("", Origin(""), (), make(Model, {}))
"""What a profile comes to that isn't there or couldn't be read."""


class Wrong(NamedTuple):
    """One thing that is wrong at a path of a document."""

    origin: Origin
    path: Path
    message: str
    hint: str


class _Use(NamedTuple):
    """That a spec names a profile, at a path of a document."""

    origin: Origin
    path: Path
    name: str


def apply(found: Mapping[Address, Resource], lost: Collection[str]) -> tuple[dict[Address, Resource], list[Wrong]]:
    """Return the resources among what was found, with what their profiles hold, and all that is wrong with those.

    `lost` are the names of profiles that couldn't be read, '' for any: what names one of them is left out.
    """
    shelf = _Shelf(found, lost)
    resources = ((address, each) for address, each in found.items() if address.kind != PROFILE.short)
    done = {address: shelf.apply(each) if concerns_profiles(each) else each for address, each in resources}
    whole = {address: each for address, each in done.items() if not any(layer is _LOST for layer in each.layers)}
    return whole, shelf.wrong


class _Shelf:
    """The profiles of a run; `wrong` collects what is wrong with them and their names."""

    def __init__(self, found: Mapping[Address, Resource], lost: Collection[str]) -> None:
        self.wrong: list[Wrong] = []
        self._lost = lost
        self._profiles = {address.name: each for address, each in found.items() if address.kind == PROFILE.short}
        self._layers: dict[tuple[str, str], tuple[Layer, ...]] = {}  # by kind and name: all that it comes to
        self._bases: dict[tuple[str, tuple[str, ...]], tuple[tuple[Layer, ...], Model]] = {}
        for kind in BY_SHORT:
            self._stack(kind)

    def apply(self, resource: Resource) -> Resource:
        """Return the resource with what it names under its own spec."""
        own = Layer("", cast("Origin", resource.origin), ("spec",), resource.spec)
        names = tuple(use.name for use in self._uses(own, resource.address.kind))
        below, base = self._base(resource.address.kind, names, type(resource.spec))
        spec = layering.merged(base, resource.spec)
        spec.__dict__.pop(PROFILES)
        address, layers = resource.address, (own, *below)
        return Resource(address, spec, resource.labels, resource.annotations, resource.origin, layers=layers)

    def _base(self, kind: str, names: tuple[str, ...], model: type[Model]) -> tuple[tuple[Layer, ...], Model]:
        """Return the layers that names come to, and their merged spec; a thousand machines have the same few."""
        found = self._bases.get((kind, names))
        if found is None:
            layers = _once([each for name in reversed(names) for each in self._layers[kind, name]])
            base: Model = make(model, {})
            for layer in reversed(layers):
                base = layering.merged(base, layer.spec)
            found = self._bases[kind, names] = layers, base
        return found

    def _stack(self, kind: str) -> None:
        """Find out what each profile of a kind comes to, those first that others use."""
        own = {name: layer for name, each in self._profiles.items() if (layer := _part(name, each, kind)) is not None}
        uses = {name: {use.name: use for use in self._uses(layer, kind)} for name, layer in own.items()}
        for name in self._order(uses):
            below = [each for used in reversed(uses.get(name, {})) for each in self._layers[kind, used]]
            self._layers[kind, name] = _once([own.get(name, _LOST), *below])

    def _order(self, uses: dict[str, dict[str, _Use]]) -> list[str]:
        """Return the profiles in such an order that each comes after those that it uses; circles are cut open."""
        while True:
            try:
                return list(TopologicalSorter(uses).static_order())
            except CycleError as error:
                circle: list[str] = error.args[1][::-1]  # each one uses the next
                cut = uses[circle[-2]].pop(circle[-1])
                message = f"the profiles use each other in a circle: {' → '.join(circle)}"
                self.wrong.append(Wrong(cut.origin, cut.path, message, "take one of these names away"))

    def _uses(self, layer: Layer, kind: str) -> Iterator[_Use]:
        """Yield the profiles that a spec names; the last of equal names counts."""
        named: dict[str, int] = {}
        for index, name in enumerate(known(layer.spec.__dict__.get(PROFILES)) or ()):
            use = _Use(layer.origin, (*layer.path, PROFILES, index), name)
            if not self._is_usable(use, kind):
                self._layers[kind, name] = (_LOST,)
            named.pop(name, None)
            named[name] = index
        for name, index in named.items():
            yield _Use(layer.origin, (*layer.path, PROFILES, index), name)

    def _is_usable(self, use: _Use, kind: str) -> bool:
        """Say whether a profile is there and has something for the kind; complain where somebody has to see to that."""
        profile = self._profiles.get(use.name)
        if profile is None:
            if use.name not in self._lost and "" not in self._lost:
                message = f"there is no profile {use.name}"
                self.wrong.append(Wrong(use.origin, use.path, message, self._guess(use.name)))
            return False
        if _part(use.name, profile, kind) is None:
            message = f"the profile {use.name} has nothing for a {BY_SHORT[kind].name}"
            hint = f"write {kind}: and its fields under the profile's spec, or name another profile"
            self.wrong.append(Wrong(use.origin, use.path, message, hint))
            return False
        return True

    def _guess(self, name: str) -> str:
        """Return the profile that was likely meant, else those that there are."""
        names = [*self._profiles, *sorted(filter(None, self._lost))]
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            return f"did you mean {near[0]}?"
        told = ", ".join(names[:_FEW]) + ", …" * (len(names) > _FEW)
        return f"the profiles are {told}" if names else "no manifest of this run holds a Profile"


def _once(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return the layers, upmost first, without those that are there already further up."""
    return tuple({layer.profile: layer for layer in layers}.values())


def _part(name: str, profile: Resource, kind: str) -> Layer | None:
    """Return what a profile holds for a kind."""
    spec: Any = profile.spec.__dict__.get(kind)
    return Layer(name, cast("Origin", profile.origin), ("spec", kind), spec) if isinstance(spec, Model) else None
