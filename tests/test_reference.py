from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from kvmctl import reference
from kvmctl.document import decode
from kvmctl.explain import find
from kvmctl.fields import Update, deciding, rows
from kvmctl.models import BY_NAME, WRITTEN, Kind
from kvmctl.reference import EXAMPLES, groups, page, pages

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"
REGENERATE = "run `kvmctl schema --write schemas` and look at the difference"
EVERY_GROUP = [(kind, trail, model) for kind in WRITTEN for trail, model in groups(kind.model)]
EVERY_MODEL = list(dict.fromkeys(model for _, _, model in EVERY_GROUP))


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_the_committed_files_are_what_the_models_say(made: dict[str, str]) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()}
    assert sorted(committed) == sorted(made), REGENERATE
    stale = [name for name in made if made[name] != committed[name]]
    assert not stale, REGENERATE


def test_equal_models_give_equal_bytes(made: dict[str, str]) -> None:
    assert pages() == made


def test_each_kind_has_its_files(made: dict[str, str]) -> None:
    for kind in WRITTEN:
        assert f"{kind.short}.md" in made
        assert f"{kind.short}.schema.json" in made
        assert f"({kind.short}.md)" in made["README.md"]


def test_the_json_schemas_are_valid(made: dict[str, str]) -> None:
    for name, content in made.items():
        if name.endswith(".json"):
            schema = json.loads(content)
            assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
            jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", WRITTEN, ids=lambda kind: kind.short)
def test_the_schemas_accept_the_examples_and_little_else(kind: Kind, made: dict[str, str]) -> None:
    example = yaml.safe_load(EXAMPLES[kind.short])
    for name in ("kvmctl.schema.json", f"{kind.short}.schema.json"):
        validator = jsonschema.Draft202012Validator(json.loads(made[name]))
        validator.validate(example)
        assert not validator.is_valid({**example, "spec": {**example["spec"], "nonsense": 1}})
        assert not validator.is_valid({**example, "kind": "Nonsense"})


@pytest.mark.parametrize("kind", WRITTEN, ids=lambda kind: kind.short)
def test_the_examples_are_valid_manifests(kind: Kind) -> None:
    document = yaml.safe_load(EXAMPLES[kind.short])
    assert document["apiVersion"] == "kvmctl/v1"
    assert BY_NAME[document["kind"]] is kind
    assert document["metadata"]["name"]
    decode(kind.model, document["spec"])


@pytest.mark.parametrize("kind", WRITTEN, ids=lambda kind: kind.short)
def test_the_examples_stand_on_their_pages(kind: Kind) -> None:
    assert f"```yaml\n{EXAMPLES[kind.short]}```" in page(kind)


@pytest.mark.parametrize(
    ("kind", "trail", "model"),
    EVERY_GROUP,
    ids=[".".join([kind.short, *(row.yaml for row in trail)]) for kind, trail, _ in EVERY_GROUP],
)
def test_every_field_stands_on_its_page(kind: Kind, trail: tuple, model: type) -> None:  # type: ignore[type-arg]
    heading = "## " + ".".join(["spec", *(row.yaml for row in trail)]) + "\n"
    section = page(kind).split(heading)[1].split("\n## ")[0]
    for name, row in rows(model).items():
        line = next(line for line in section.splitlines() if line.startswith(f"| `{name}`"))
        assert row.doc.replace("|", "\\|") in line
        assert f"`{deciding((*trail, row)).update.value}`" in line
        if row.place not in ("", "."):
            assert f"/{row.place}" in line.replace("\\|", "|")


@pytest.mark.parametrize("model", EVERY_MODEL, ids=lambda model: model.__name__)
def test_every_row_is_documented_in_sentences(model: type) -> None:
    for name, row in rows(model).items():
        assert row.doc.endswith("."), f"{model.__name__}.{name}"
        assert row.doc[0].isupper() or row.doc.startswith(("nat,", "libvirt")), f"{model.__name__}.{name}"
    assert (model.__doc__ or "").strip().endswith("."), model.__name__


@pytest.mark.parametrize("model", EVERY_MODEL, ids=lambda model: model.__name__)
def test_every_refusal_has_a_reason(model: type) -> None:
    for name, row in rows(model).items():
        assert bool(row.reason) == (row.update is Update.REFUSED), f"{model.__name__}.{name}"


def test_tables_have_as_many_cells_in_each_row(made: dict[str, str]) -> None:
    for name, content in made.items():
        table = 0
        for line in content.splitlines() if name.endswith(".md") else ():
            cells = line.replace("\\|", "").count("|")
            assert not table or not cells or cells == table, f"{name}: {line}"
            table = cells


def test_the_index_explains_every_update(made: dict[str, str]) -> None:
    for update in Update:
        assert f"| `{update.value}` |" in made["README.md"]


def test_the_files_are_written_into_a_new_folder(tmp_path: Path, made: dict[str, str]) -> None:
    reference.write(tmp_path / "new" / "folder")
    assert {path.name: path.read_text() for path in (tmp_path / "new" / "folder").iterdir()} == made


def test_a_field_of_a_network_changes_as_what_is_around_it_does() -> None:
    """Limits and tags are declared once, for interfaces and networks; a list that is updated takes its items along."""
    found = {
        path: find(path).update
        for path in ("network.ips.prefix", "network.ips.dhcp.hosts.ip", "network.bandwidth.inbound.average")
    }
    assert list(found.values()) == ["interrupt", "live", "interrupt"]
    assert find("network.portgroups.bandwidth.inbound.average").update == "live"
    assert find("vm.interfaces.bandwidth.inbound.average").update != "interrupt"
