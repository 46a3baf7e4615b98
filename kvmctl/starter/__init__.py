"""The files of a new project: settings, a first manifest, and what a CI runs; none of it is written here."""

from __future__ import annotations

from importlib import resources
from typing import Final

CI: Final = {"github": ".github/workflows/kvmctl.yaml", "gitlab": ".gitlab-ci.yml"}
"""Where the file of each CI has to be."""
IGNORED: Final = ".gitignore"
EXAMPLE: Final = "manifests/example.yaml"


def files(project: str, ci: str | None = None) -> dict[str, str]:
    """Return the text of each file of a new project by its path, with the pipeline of a CI where one is named."""
    found = {
        "kvmctl.yaml": f"# Whose the objects are that these manifests make.\nproject: {project}\n",
        EXAMPLE: _text("example.yaml"),
        IGNORED: _text("gitignore"),
    }
    return found | ({CI[ci]: _text(f"{ci}.yaml")} if ci else {})


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
