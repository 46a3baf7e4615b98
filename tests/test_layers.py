"""The order of the rooms: who imports whom, one door per dependency, a light start, nothing too large."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "kvmctl"

# From the lowest layer to the highest. A room imports only from layers below its own; rooms on one line don't
# know each other. A package is one room. A room that isn't here fails the test: place it, and think about
# where.
LAYERS = (
    ("__init__", "errors"),
    ("files", "names", "parsing"),
    ("codec", "live"),
    ("row",),
    ("fields",),
    ("models",),
    ("pairing",),
    ("document",),
    ("ownership",),
    ("inventory",),
    ("layering",),
    ("schema",),
    ("xmlio", "record"),
    ("seeding",),
    ("rules",),
    ("manifest",),
    ("resolve", "usage", "moving", "wiring", "project"),
    ("change",),
    ("diff",),
    ("hypervisor",),
    ("foresight", "hostfile", "lock"),
    ("observe",),
    ("images", "downloads", "cloudinit", "sandbox"),
    ("sources", "credentials", "actions"),
    ("importing",),
    ("plan",),
    ("planfile",),
    ("apply", "backup"),
    ("render",),
    ("wording", "live_table"),
    ("explain", "doctor", "starter"),
    ("reference",),
    ("cli",),
    ("__main__",),
)
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}

# Rooms that don't use what acts, though it lies below them (its types they may name): the same input gives
# the same bytes.
PURE = (
    "ownership", "seeding", "rules", "resolve", "usage", "moving", "wiring", "change", "diff", "actions", "plan",
    "planfile", "render",
)  # fmt: skip
ACTING = (
    "hypervisor", "lock", "observe", "credentials", "images", "downloads", "cloudinit", "sandbox", "apply", "backup",
)  # fmt: skip
# The plan shows the qemu-img command that an action comes to; `images` alone knows how those are written.
# Results are data.
EXCUSED = {("plan", "images"), ("render", "apply")}

# Programs of their own, run by path in a child process.
PROGRAMS = ("tether.py", "probe.py")

DOORS = {
    "yaml": {"manifest"},
    "jsonschema": {"schema"},
    "libvirt": {"hypervisor"},
    "libvirt_qemu": {"hypervisor"},
    "deepdiff": {"diff"},
    "rich": {"render"},
    "prometheus_client": {"render"},
    "jinja2": {"render"},
    "click": {"cli"},
    "pycdlib": {"cloudinit"},
    "oslo_utils": {"images"},
    "httpx": {"downloads"},
    "zstandard": {"downloads"},
    "subprocess": {"images", "sandbox", "doctor", "credentials"},
}
HEAVY = (
    "libvirt",
    "libvirtmod",
    "jsonschema",
    "deepdiff",
    "rich",
    "prometheus_client",
    "jinja2",
    "yaml",
    "pycdlib",
    "oslo_utils",
    "httpx",
    "zstandard",
)

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40

MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(REPOSITORY)) for path in MODULES]
every_module = pytest.mark.parametrize("path", MODULES, ids=NAMES)


def room_of(path: Path) -> str:
    """Return the room of a file: its package, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST, path: Path) -> Iterator[tuple[str, int]]:
    """Yield (dotted name, line) of each import of a module, those for type checkers and in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = (path.parent, *path.parent.parents)
            here = ".".join(parents[node.level - 1].relative_to(REPOSITORY).parts) if node.level else ""
            source = ".".join(part for part in (here, node.module or "") if part)
            names = [alias.name for alias in node.names] if source == "kvmctl" else [""]
            yield from ((f"{source}.{name}".rstrip("."), node.lineno) for name in names)


class OnlyRunning(ast.NodeTransformer):
    """Takes out what only type checkers read."""

    def visit_If(self, node: ast.If) -> ast.AST:
        return ast.Pass() if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def rooms_imported(path: Path, *, running: bool = False) -> Iterator[tuple[str, int]]:
    """Yield (room, line) of each import that leaves the room; with `running` none for type checkers."""
    tree = parse(path)
    for name, line in imports_of(OnlyRunning().visit(tree) if running else tree, path):
        top, _, rest = name.partition(".")
        if top != "kvmctl":
            continue
        room = rest.split(".")[0]
        if not room or not ((PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists()):
            room = "__init__"  # `from kvmctl import __version__`
        if room != room_of(path):
            yield room, line


def parse(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a module, nested ones too."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the result of a fresh interpreter in the repository."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )


def test_every_room_has_a_layer() -> None:
    unknown = {room_of(path) for path in MODULES} - set(LAYER)
    assert not unknown, f"place {sorted(unknown)} in LAYERS of {Path(__file__).name}"


def test_no_room_has_two_layers() -> None:
    assert len(LAYER) == sum(map(len, LAYERS))


@every_module
def test_imports_go_downward(path: Path) -> None:
    own = LAYER[room_of(path)]
    upward = [f"line {line}: {room}" for room, line in rooms_imported(path) if LAYER[room] >= own]
    assert not upward, f"{room_of(path)} is on layer {own} and imports from its own layer or above"


@every_module
def test_pure_rooms_use_nothing_that_acts(path: Path) -> None:
    if room_of(path) in PURE:
        acting = [
            f"line {line}: {room}"
            for room, line in rooms_imported(path, running=True)
            if room in ACTING and (room_of(path), room) not in EXCUSED
        ]
        assert not acting, f"{room_of(path)} is pure: the same input gives the same bytes"


@every_module
def test_each_dependency_has_one_door(path: Path) -> None:
    found = [
        f"line {line}: {name}"
        for name, line in imports_of(parse(path), path)
        if room_of(path) not in DOORS.get(name.split(".")[0], {room_of(path)})
    ]
    assert not found, f"{room_of(path)} isn't the door of these"


@every_module
def test_dependencies_are_declared_doors(path: Path) -> None:
    known = {*sys.stdlib_module_names, *DOORS, "kvmctl"}
    strange = {name.split(".")[0] for name, _ in imports_of(parse(path), path)} - known
    assert not strange, f"name the room that {sorted(strange)} may be imported by in DOORS"


@every_module
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    if room_of(path) in ("cli", "__main__") or path.name in PROGRAMS:
        return
    if path.name == "foresight.py":
        return  # a forked process must not end as its parent would
    calls = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Call)]
    names = {"print", "exit", "quit", "sys.exit", "os._exit"}
    found = [f"line {node.lineno}: {ast.unparse(node.func)}" for node in calls if ast.unparse(node.func) in names]
    assert not found, "return or raise instead"


@every_module
def test_files_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < MAX_FILE_LINES, "split the room where its meaning splits"


@every_module
def test_functions_are_short(path: Path) -> None:
    long = [
        f"{node.name}: {lines} lines"
        for node in functions_of(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) >= MAX_FUNCTION_LINES
    ]
    assert not long, "name the parts of what they do"


def test_most_functions_are_very_short() -> None:
    sizes = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in itertools.chain.from_iterable(map(functions_of, MODULES))
    ]
    assert sorted(sizes)[len(sizes) // 2] < 12


def test_starting_the_command_line_loads_nothing_heavy() -> None:
    result = python("-X", "importtime", "-c", "import kvmctl.cli")
    assert result.returncode == 0, result.stderr
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "kvmctl.cli" in loaded
    assert not {name for name in loaded if name.split(".")[0] in HEAVY}


BLOCKED = """
import sys
from importlib.abc import MetaPathFinder

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("libvirt", "libvirtmod"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def without_libvirt(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return the result of kvmctl run where libvirt-python isn't installed."""
    return python("-c", f"{BLOCKED}\nsys.argv = {['kvmctl', *arguments]!r}\nfrom kvmctl.cli import main\nmain()")


def test_the_blocker_blocks() -> None:
    assert "ModuleNotFoundError" in python("-c", f"{BLOCKED}\nimport libvirt").stderr


def test_validate_runs_where_libvirt_is_not_installed(tmp_path: Path) -> None:
    manifest = tmp_path / "web.yaml"
    manifest.write_text("apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {name: web1}\nspec: {memory: 512MiB}\n")
    result = without_libvirt("validate", "-f", str(manifest))
    assert result.returncode == 0, result.stderr


def test_plan_says_that_libvirt_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(
        "apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {name: web1}\nspec: {memory: 512MiB}\n"
    )
    result = without_libvirt("plan", "-f", str(tmp_path))
    assert result.returncode == 1
    assert "libvirt-python" in result.stderr
    assert "Traceback" not in result.stderr
