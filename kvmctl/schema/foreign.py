"""Documents judged by somebody else's JSON Schema, such as cloud-init's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]


def judged(document: object, schema: Any) -> Iterator[tuple[Path, str]]:
    """Yield (path, jsonschema's message) of all that a schema refuses; of alternatives the nearest is blamed."""
    import jsonschema

    best: Any = jsonschema.exceptions.best_match
    validator: Any = jsonschema.validators.validator_for(schema)(schema)
    for error in sorted(validator.iter_errors(document), key=lambda each: [str(part) for part in each.absolute_path]):
        blamed = best([error])
        yield tuple(blamed.absolute_path), blamed.message
