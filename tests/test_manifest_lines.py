"""Documents in YAML's plainest form: what is read line by line is what libyaml reads, and the rest is left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmctl.manifest.composing import valued
from kvmctl.manifest.lines import Lines, SurpriseError
from kvmctl.manifest.scalars import OddError, PlainWords

REPOSITORY = Path(__file__).parent.parent
MANIFESTS = sorted({*REPOSITORY.glob("tests/cases/**/*.yaml"), *REPOSITORY.glob("manifests/**/*.yaml")})
_SCALARS = st.sampled_from(
    [
        *("web", "512MiB", "2", "007", "yes", "null", "~", "-1", "1.5", "1e3", "/a b", "a  b", "52:54:00:00:00:01"),
        *('"q, x"', "'it'", "'a: b'", '"\\t"', "a#b", "a #b", "0x1f", "", "é", "a,b", "a]", "x:", "on", "2026-01-01"),
        *("<<", "a-b", "- a", "{a: 1}", "[a, b]", "{a: {b: [c, {d: e}]}}", "[]", "{}", "{a: 1,}", "{a: 1, a: 2}"),
        *("[a: b]", "{a}", "[a,b]", "{a: }", "{ a: 1 }", "[ a ]", "{a: 'x, b: y'}", '{a: "b", c: d e}', "{a: b}}"),
    ]
)
_KEYS = st.sampled_from(["a", "b", "name", "os", "yes", "null", "2", "a b", "'q'", "x-y", "on"])
_LINES = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "  ", "    ", "  ", " ", "      ", "\t"]),
    st.sampled_from(["", "", "", "- ", "- - ", "-  "]),
    st.one_of(st.just(""), _KEYS.map("{}:".format), _KEYS.map("{}: ".format), _KEYS.map("{}:  ".format)),
    _SCALARS,
    st.sampled_from(["", "", "", " ", " # c", "# c"]),
)
_WORDS = st.sampled_from(
    ["web", "a b", "512MiB", "yes", "on", "7", "08", "null", "", " x", "a: b", "a #b", "it's", "é", "1e5"]
)
_DATA = st.recursive(
    _WORDS | st.integers(-9, 99) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS.filter(bool), inner, max_size=3),
    max_leaves=12,
)


def by_lines(text: str, lines: Lines | None = None) -> Any:
    try:
        return (lines or Lines(PlainWords())).read(text)
    except (SurpriseError, OddError):
        return SurpriseError


def by_libyaml(text: str) -> Any:
    try:
        return valued(text, PlainWords())
    except (SurpriseError, OddError) as error:
        return error


def shown(value: Any) -> str:
    """Return a value with the types of what it holds: True isn't 1, nor the word yes a text."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{shown(key)}: {shown(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f"{type(value).__name__} {value!r}"


def assert_same(text: str) -> None:
    found = by_lines(text)
    if found is not SurpriseError:
        assert shown(found) == shown(by_libyaml(text))


@given(lines=st.lists(_LINES, min_size=1, max_size=6))
@settings(max_examples=2000, deadline=None)
def test_lines_of_all_sorts_are_read_as_libyaml_reads_them(lines: list[str]) -> None:
    assert_same("\n".join(lines))


@given(
    data=st.dictionaries(_WORDS.filter(bool), _DATA, min_size=1, max_size=4), flow=st.sampled_from([True, False, None])
)
@settings(max_examples=500, deadline=None)
def test_documents_that_were_dumped_are_read_as_libyaml_reads_them(data: dict[str, Any], flow: bool | None) -> None:
    assert_same(yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True, width=1000, sort_keys=False))


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_manifests_are_read_as_libyaml_reads_them(file: Path) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return  # it never comes as far as this
    for document in text.split("\n---\n"):
        assert_same(document)


def test_most_manifests_are_plain_enough() -> None:
    texts = [file.read_text(encoding="utf-8") for file in MANIFESTS if "bad" not in file.parts]
    documents = [document for text in texts for document in text.split("\n---\n")]
    plain = [document for document in documents if by_lines(document) is not SurpriseError]
    assert len(plain) > len(documents) / 2 > 50, (len(plain), len(documents))


def test_what_was_remembered_of_a_line_is_not_changed_by_what_follows_it() -> None:
    lines = Lines(PlainWords())
    for nested, other in ((" c", {"a": {"c": None}}), ("", {"a": None, "c": None})):
        assert by_lines(f"a:\n{nested.replace('c', '')}c:", lines) == other
    first = by_lines("spec:\n  os: {boot: [hd]}\n  x: 1", lines)
    assert by_lines("spec:\n  os: {boot: [hd]}\n  z: 1", lines) == {"spec": {"os": {"boot": ["hd"]}, "z": 1}}
    assert first == {"spec": {"os": {"boot": ["hd"]}, "x": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: x # said", {"a": 1, "b": "x"}),
        ("a:\n- b: 1\n  c: 2\n- d\ne: 3", {"a": [{"b": 1, "c": 2}, "d"], "e": 3}),
        ("a:\n  - b:\n      c: 1\n  - - x", SurpriseError),
        ("a:\n  - b:\n      c: 1\n    d: 2\n", {"a": [{"b": {"c": 1}, "d": 2}]}),
        ("---\na: {b: [], c: {}}\n", {"a": {"b": [], "c": {}}}),
        ("a:\nb:", {"a": None, "b": None}),
        ("a: 1\n  b: 2", SurpriseError),
        ("a: 1\na: 2", SurpriseError),
        ("a:\n  b: 1\n c: 2", SurpriseError),
        ("- a\n- b", SurpriseError),
        ("a:\n  - b\n  c: 1", SurpriseError),
        ("a: &x 1", SurpriseError),
        ("# nothing", SurpriseError),
    ],
)
def test_blocks(text: str, expected: Any) -> None:
    assert by_lines(text) == expected
