"""Each folder under cases/bad is a story of wrong manifests; expected.txt holds all that kvmctl says, exactly.

`pytest --regenerate` rewrites expected.txt; review the difference as a user would read it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmctl import manifest
from kvmctl.errors import ManifestError

STORIES = Path(__file__).parent / "cases" / "bad"


@pytest.mark.parametrize("story", sorted(path.name for path in STORIES.iterdir()))
def test_wrong_manifests_are_refused_with_these_words(
    story: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(STORIES / story)
    with pytest.raises(ManifestError) as caught:
        manifest.load(["."])
    said = "".join(f"{problem}\n" for problem in caught.value.problems)
    expected = Path("expected.txt")
    if request.config.getoption("--regenerate"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


def test_every_story_names_a_place_and_what_to_write() -> None:
    lines = [line for path in STORIES.glob("*/expected.txt") for line in path.read_text("utf-8").splitlines()]
    assert len(lines) > len(list(STORIES.iterdir()))
    assert [line for line in lines if "; " not in line and " is not " not in line] == []
