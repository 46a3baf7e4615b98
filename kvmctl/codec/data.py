"""Data of somebody else's format, taken as it is written: text, or a mapping that kvmctl only looks through."""

from __future__ import annotations

from typing import Any

from kvmctl.codec.notation import Codec, notation
from kvmctl.codec.plain import Text

_TEXT = Text()


@notation
class Data(Codec[Any]):
    """Text, or a mapping of whatever its reader understands."""

    expects: str = "text, or a mapping in which yes, no, on and off stand in quotes or are written true and false"
    name: str = "data"

    def parse(self, value: object) -> Any:
        """Return the value; a switch word, which YAML's readers don't agree on, is refused at any depth."""
        if type(value) is str:
            return _TEXT.parse(value)
        if type(value) is not dict:
            raise ValueError
        _look_through(value)
        return value

    def schema(self) -> dict[str, Any]:
        """Return a schema of text and mappings."""
        return {"type": ["object", "string"], "format": "kvmctl-data"}


def _look_through(value: object) -> None:
    if type(value) is dict:
        for name, each in value.items():
            _TEXT.parse(name)
            _look_through(each)
    elif type(value) is list:
        for each in value:
            _look_through(each)
    elif type(value) is str:
        _TEXT.parse(value)
    elif value is not None and type(value) not in (bool, int, float):
        raise ValueError
