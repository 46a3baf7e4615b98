"""The mark as text: put into libvirt's documents, cut out again, told by the record; and what it is a mark of."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl import manifest, ownership, record, xmlio
from kvmctl.errors import ManifestError, UsageError
from kvmctl.fields import stating
from kvmctl.models.disk import Disk
from kvmctl.ownership import Mark, Owner
from kvmctl.project import owner_of
from kvmctl.record import Record, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MARK = Mark("shop", "manifests/web.yaml", "0123456789abcdef", "c" * 40)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
DOMAIN = "<domain type='qemu'>\n  <name>a</name>{}\n  <memory unit='KiB'>65536</memory>\n</domain>"
OSINFO = '<libosinfo:os xmlns:libosinfo="http://libosinfo.org/x" id="http://debian.org/12"/>'
OTHERS = [
    "",
    f"\n  <metadata>\n    {OSINFO}\n  </metadata>",
    '\n  <metadata>\n    <a:kvmctl xmlns:a="urn:a">urn:kvmctl:mark</a:kvmctl>\n  </metadata>',
    '\n  <description>xmlns:kvmctl="urn:kvmctl:mark" is kvmctl\'s</description>',
]


def printed(root: ET.Element) -> str:
    """Return a document laid out as libvirt does it."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("write", [xmlio.serialize, printed])
def test_what_is_put_is_split_off_again(other: str, write: Callable[[ET.Element], str]) -> None:
    """Also where a document was written by others, and the namespace is declared at its root."""
    text = DOMAIN.format(other)
    for _ in range(2):
        root = ET.fromstring(text)
        ownership.put(root, MARK)
        text = write(root)
    rest, mark = ownership.split(text)
    assert mark == MARK
    assert "<kvmctl" not in rest
    same = ET.fromstring(rest)
    assert ET.canonicalize(printed(same)) == ET.canonicalize(printed(ET.fromstring(DOMAIN.format(other))))


@pytest.mark.parametrize("other", OTHERS)
def test_a_mark_remembers_a_definition(other: str) -> None:
    text = DOMAIN.format(other)
    root = ET.fromstring(text)
    ownership.put(root, MARK.remembering(text))
    again, mark = ownership.split(printed(root))
    assert mark is not None
    assert mark.says(MARK)
    assert ownership.remembered(mark) == text
    assert mark.remembering(printed(root)).says(mark), "a mark is no part of what is remembered"
    assert ownership.remembered(mark.remembering(printed(root))) == again


@pytest.mark.parametrize("baseline", ["", "?", "AAAA", "x" * 9, "eNpLBAAAYgBh"])
def test_what_somebody_made_of_a_memory_is_none(baseline: str) -> None:
    assert ownership.remembered(MARK._replace(baseline=baseline)) == ""


@pytest.mark.parametrize("other", OTHERS)
def test_what_has_no_mark_stays_as_it_is(other: str) -> None:
    text = DOMAIN.format(other)
    assert ownership.split(text) == (text, None)


@given(TEXTS.filter(bool), TEXTS)
def test_any_text_survives_in_a_mark(project: str, path: str) -> None:
    mark = Mark(project, path)
    root = ET.fromstring(DOMAIN.format(""))
    ownership.put(root, mark)
    assert ownership.split(printed(root))[1] == mark
    assert ownership.split(xmlio.serialize(root))[1] == mark


@given(st.dictionaries(TEXTS, st.builds(Recorded, st.builds(Mark, TEXTS.filter(bool), TEXTS, TEXTS, TEXTS), TEXTS)))
def test_the_record_tells_what_it_was_told(marks: dict[str, Recorded]) -> None:
    known = Record({"p/d": {"path": "a.raw"}}, marks)
    assert record.parse(record.serialize(known)) == known


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2, "marks": {}}', '{"version":1,"marks":{"pool/p":{"uuid":"x"}}}']
)
def test_a_record_that_says_nothing_is_empty(text: str) -> None:
    assert record.parse(text) == Record({}, {})
    assert record.serialize(record.parse(text)) == ""


def test_a_record_of_before_there_were_marks_is_read() -> None:
    assert record.parse('{"version":1,"disks":{"p/d":{"path":"a"}}}') == Record({"p/d": {"path": "a"}}, {})


def test_a_digest_tells_what_is_said_and_not_how() -> None:
    one = stating(Disk, pool="p", size=2**20, format="qcow2")
    assert ownership.digest(one) == ownership.digest(stating(Disk, format="qcow2", size=2**20, pool="p"))
    assert ownership.digest(one) != ownership.digest(stating(Disk, pool="p", size=2**21, format="qcow2"))
    assert ownership.digest(one) != ownership.digest(stating(Disk, pool="p", size=2**20))


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("manifests/web.yaml", "manifests/web.yaml"),
        ("../repo/a.yaml", "a.yaml"),
        ("/srv/repo/b.yaml", "b.yaml"),
        ("/srv/repository/b.yaml", "/srv/repository/b.yaml"),
        ("../other/b.yaml", "/srv/other/b.yaml"),
        ("<stdin>", "<stdin>"),
    ],
)
def test_a_manifest_is_named_from_the_folder_of_the_project(file: str, place: str) -> None:
    assert Owner("shop", "/srv/repo", "/srv/repo").place(file) == place


@pytest.mark.parametrize(
    ("mine", "theirs", "may"),
    [("shop", None, True), ("shop", "shop", True), ("shop", "default", True), ("shop", "bank", False),
     ("default", "shop", False), ("default", None, True)],
)  # fmt: skip
def test_what_is_nobodys_in_particular_may_be_taken(mine: str, theirs: str | None, may: bool) -> None:
    assert Owner(mine).may_take(Mark(theirs) if theirs else None) is may


def write(folder: Path, text: str = "project: shop\n") -> None:
    (folder / "manifests").mkdir(parents=True)
    (folder / "kvmctl.yaml").write_text(text)


def test_the_project_is_named_above_the_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "shop")
    manifests = str(tmp_path / "shop" / "manifests" / "none-yet.yaml")
    monkeypatch.chdir(tmp_path)
    assert owner_of([manifests], None) == Owner("shop", str(tmp_path / "shop"), str(tmp_path), "", named=True)
    assert owner_of([manifests], "bank").project == "bank"
    assert owner_of(["-"], None) == Owner("default", "", str(tmp_path))
    monkeypatch.chdir(tmp_path / "shop")
    assert owner_of(["-"], None).project == "shop"


def test_manifests_of_two_projects_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b", "project: bank")
    with pytest.raises(UsageError, match="several projects"):
        owner_of([str(tmp_path / "a"), str(tmp_path / "b")], None)
    assert owner_of([str(tmp_path / "a"), str(tmp_path / "b")], "shop").project == "shop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "project is missing"),
        ("- project", "holds settings"),
        ("project: a b", "a b is no project"),
        ("project: 12", "12 is no project"),
        ("projct: shop", "unknown setting 'projct'; did you mean project?"),
        ("apiVersion: kvmctl/v1\nkind: Disk\nproject: x", "is no manifest"),
        ("project: a\nproject: b", 'duplicate key "project"'),
        ("project: [", "not YAML"),
    ],
)
def test_wrong_settings_are_told_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ManifestError) as caught:
        owner_of([str(tmp_path / "manifests")], None)
    assert said in "\n".join(str(problem) for problem in caught.value.problems)
    assert all(problem.file.endswith("kvmctl.yaml") and problem.line for problem in caught.value.problems)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "a" * 64])
def test_an_impossible_project_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match="can't be a project"):
        owner_of([], name)


def test_settings_are_no_manifest(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "pool.yaml").write_text(
        "apiVersion: kvmctl/v1\nkind: StoragePool\nmetadata: {name: p}\nspec: {type: dir, path: /p}"
    )
    assert [str(address) for address in manifest.load([tmp_path])] == ["pool/p"]


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as nobody in particular and without anybody's settings."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *name, *words], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit."""
    folder = tmp_path / "checkout"
    (folder / "manifests").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "manifests" / "a.yaml").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def commit_at(folder: Path) -> Any:
    return owner_of([str(folder / "manifests")], None).commit


def test_the_commit_is_the_one_that_is_checked_out(checkout: Path, tmp_path: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert commit_at(checkout) == head
    assert owner_of([str(checkout / "manifests")], None).root == str(checkout)
    git(checkout, "pack-refs", "--all")
    assert commit_at(checkout) == head
    git(checkout, "worktree", "add", "-q", "-b", "other", str(tmp_path / "beside"))
    git(tmp_path / "beside", "commit", "-q", "--allow-empty", "-m", "second")
    assert commit_at(tmp_path / "beside") == git(tmp_path / "beside", "rev-parse", "HEAD") != head
    git(checkout, "checkout", "-q", "--detach")
    assert commit_at(checkout) == head


def test_without_a_commit_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    assert commit_at(tmp_path) == ""
    git(tmp_path, "init", "-q")
    assert commit_at(tmp_path) == ""
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/../../../x\n")
    assert commit_at(tmp_path) == ""
