"""What editors make of the JSON Schema: the YAML language server that they use, from npm, opens the examples.

It is installed once, into the user's cache. Without npm, or where that can't fetch, these tests are skipped.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.codec import Choice
from kvmctl.fields import rows
from kvmctl.models import KINDS, WRITTEN
from kvmctl.models.disk_device import DiskDevice
from kvmctl.models.os import Os
from kvmctl.models.profile import Profile
from kvmctl.models.vm import VirtualMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(path.name for path in (REPOSITORY / "manifests").glob("*.yaml"))
SERVER = "yaml-language-server@1.19.2"
PATIENCE = 30  # seconds for one answer; the first one reads the schema
INSTALL_PATIENCE = 120  # seconds
MOST_TRIES = 100

SPEC = "apiVersion: kvmctl/v1\nkind: %s\nmetadata: {name: new}\nspec:\n"
VM = SPEC % "VirtualMachine" + "  memory: 1GiB\n"
PROFILE = SPEC % "Profile"


class LanguageServer:
    """A running server, spoken to over its standard input and output; JSON-RPC messages with a length before each."""

    def __init__(self, program: Path, schema: Path, folder: Path) -> None:
        self.folder = folder
        # The server asks for its settings by section, in one request or the other.
        self._settings = {
            "yaml": {
                "schemas": {schema.as_uri(): "*.yaml"}, "schemaStore": {"enable": False},
                "validate": True, "completion": True, "hover": True,
            }
        }  # fmt: skip
        self._process = subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._diagnostics: queue.Queue[dict[str, Any]] = queue.Queue()
        self._asked = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._initialize()

    def _initialize(self) -> None:
        document = {
            "hover": {"contentFormat": ["markdown"]},
            "completion": {"completionItem": {"documentationFormat": ["markdown"], "snippetSupport": True}},
        }
        capabilities = {"textDocument": document, "workspace": {"configuration": True}}
        self._ask("initialize", processId=None, rootUri=self.folder.as_uri(), capabilities=capabilities)
        self._tell("initialized")
        self._tell("workspace/didChangeConfiguration", settings=self._settings)
        # It knows its settings a moment later, and tells nobody when: from then on it complains of nonsense.
        for _ in range(MOST_TRIES):
            if self.diagnostics("nonsense.yaml", "nonsense: true\n"):
                return
        raise AssertionError("the language server doesn't use the schema")

    def diagnostics(self, name: str, text: str) -> list[str]:
        """Return what the server complains of in a text, each as `LINE: message`, lines from 1."""
        uri = self._open(name, text)
        while True:
            told = self._diagnostics.get(timeout=PATIENCE)
            if told["uri"] == uri:
                return [f"{each['range']['start']['line'] + 1}: {each['message']}" for each in told["diagnostics"]]

    def completions(self, name: str, text: str) -> dict[str, str]:
        """Return what the server offers at the mark | in a text: the documentation of each by its label."""
        answer = self._at_mark("textDocument/completion", name, text)
        return {item["label"]: _plain(item.get("documentation")) for item in answer["items"]}

    def hover(self, name: str, text: str) -> str:
        """Return what the server tells of what stands at the mark | in a text."""
        answer = self._at_mark("textDocument/hover", name, text)
        return _plain(answer["contents"]) if answer else ""

    def close(self) -> None:
        """End the server."""
        with self._process:  # closes its pipes, and waits
            self._ask("shutdown")
            self._tell("exit")
            self._reader.join(PATIENCE)

    def _at_mark(self, method: str, name: str, text: str) -> Any:
        before, _, after = text.partition("|")
        uri = self._open(name, before + after)
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        return self._ask(method, textDocument={"uri": uri}, position=position)

    def _open(self, name: str, text: str) -> str:
        self._asked += 1
        uri = f"{self.folder.as_uri()}/{self._asked}-{name}"
        self._tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "yaml", "version": 1, "text": text})
        return uri

    def _ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        answer = self._answers.get(timeout=PATIENCE)
        assert answer["id"] == self._asked
        assert "error" not in answer, answer
        return answer["result"]

    def _tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        """Sort what comes: answers, diagnostics, and the server's own requests, which are answered at once."""
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.partition(b":")[2])
            while stream.readline().strip():
                pass
            message = json.loads(stream.read(length))
            if "method" not in message:
                self._answers.put(message)
            elif message["method"] == "textDocument/publishDiagnostics":
                self._diagnostics.put(message["params"])
            elif message["method"] == "workspace/configuration":
                wanted = [self._settings.get(item.get("section")) for item in message["params"]["items"]]
                self._send({"id": message["id"], "result": wanted})
            elif "id" in message:
                self._send({"id": message["id"], "result": None})


def _plain(told: Any) -> str:
    """Return the text of what may be a string, or a mapping with one."""
    return told["value"] if isinstance(told, dict) else told or ""


def installed() -> Path:
    """Return the server's program; it is put in place whole, so that several test runs may install it at once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvmctl-tests"
    place = cache / SERVER
    program = place / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node or no npm to run the YAML language server with")
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _install(Path(folder))
            if not program.exists():
                (Path(folder) / "node_modules").rename(_made(place) / "node_modules")
    return program


def _install(folder: Path) -> None:
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000"]
    command = ["npm", "install", "--prefix", str(folder), *options, SERVER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_PATIENCE)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm couldn't fetch {SERVER} in {INSTALL_PATIENCE} s")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm couldn't fetch {SERVER}: {error.stderr.strip()[-300:]}")


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    """A language server that uses the committed schema for every file."""
    schema = REPOSITORY / "schemas" / "kvmctl.schema.json"
    running = LanguageServer(installed(), schema, tmp_path_factory.mktemp("editor"))
    yield running
    running.close()


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_editor_has_nothing_to_say_of_an_example(server: LanguageServer, example: str) -> None:
    text = (REPOSITORY / "manifests" / example).read_text(encoding="utf-8")
    # A line that names the schema would be followed to a place that the test's folder hasn't.
    assert server.diagnostics(example, text.replace("# yaml-language-server:", "#")) == []


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (VM + "  memmory: 1GiB\n", 6, "memmory"),
        (VM + "  disks: [{target: vda, cach: none}]\n", 6, "cach"),
        (VM + "  disks:\n    - target: vda\n      cache: fast\n", 8, "writeback"),
        (VM.replace("memory: 1GiB", "vcpus: 2"), 4, "memory"),
        (PROFILE + "  vm: {memmory: 1GiB}\n", 5, "memmory"),
        (PROFILE + "  vm:\n    disks: [{target: vda, cache: fast}]\n", 6, "writeback"),
        ("apiVersion: kvmctl/v1\nkind: Machine\n", 2, "VirtualMachine"),
    ],
)
def test_an_editor_marks_what_is_wrong(server: LanguageServer, text: str, line: int, word: str) -> None:
    (said,) = server.diagnostics("wrong.yaml", text)
    assert said.startswith(f"{line}: ")
    assert word in said


def test_with_profiles_nothing_is_required(server: LanguageServer) -> None:
    assert server.diagnostics("web1.yaml", VM.replace("memory: 1GiB", "profiles: [base]")) == []
    assert server.diagnostics("base.yaml", PROFILE + "  vm: {title: web}\n  disk: {format: qcow2}\n") == []


@pytest.mark.parametrize(
    ("text", "model", "given"),
    [
        (VM + "  |\n", VirtualMachine, {"memory"}),
        (VM.replace("memory: 1GiB", "profiles: [base]") + "  |\n", VirtualMachine, {"profiles"}),
        (VM + "  os:\n    |\n", Os, set()),
        (VM + "  disks:\n    - target: vda\n      |\n", DiskDevice, {"target"}),
        (VM + "  disks:\n    - |\n", DiskDevice, set()),
        (VM + "  disks: [{target: vda, c|}]\n", DiskDevice, {"target"}),
        (PROFILE + "  |\n", Profile, set()),
        (PROFILE + "  vm:\n    |\n", VirtualMachine, set()),
        (PROFILE + "  vm:\n    disks:\n      - target: vda\n        |\n", DiskDevice, {"target"}),
    ],
)
def test_an_editor_offers_every_field_with_its_documentation(
    server: LanguageServer, text: str, model: Any, given: set[str]
) -> None:
    offered = server.completions("new.yaml", text)
    for name, row in rows(model).items():
        if name not in given:
            assert row.doc in offered[name], name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short)
def test_an_editor_offers_the_fields_of_each_kind(server: LanguageServer, kind: Any) -> None:
    offered = server.completions(
        "new.yaml", VM.split("spec:", maxsplit=1)[0].replace("VirtualMachine", kind.name) + "spec:\n  |\n"
    )
    assert rows(kind.model).keys() <= offered.keys()


@pytest.mark.parametrize(
    "text", [VM + "  disks:\n    - target: vda\n      cache: |\n", VM + "  disks: [{target: vda, cache: |}]\n"]
)
def test_an_editor_offers_the_words_of_a_field(server: LanguageServer, text: str) -> None:
    codec = rows(DiskDevice)["cache"].codec
    assert isinstance(codec, Choice)
    assert set(codec.values) <= server.completions("new.yaml", text).keys()


def test_an_editor_offers_the_kinds_and_then_the_rest(server: LanguageServer) -> None:
    kinds = server.completions("new.yaml", "apiVersion: kvmctl/v1\nkind: |\n")
    assert {kind.name for kind in WRITTEN} <= kinds.keys()
    assert {"metadata", "spec"} <= server.completions("new.yaml", "apiVersion: kvmctl/v1\nkind: Disk\n|\n").keys()


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (VM.replace("memory", "mem|ory"), rows(VirtualMachine)["memory"]),
        (VM + "  os: {mach|ine: q35}\n", rows(Os)["machine"]),
        (VM + "  disks:\n    - target: vda\n      ca|che: none\n", rows(DiskDevice)["cache"]),
        (PROFILE + "  vm:\n    power|State: Off\n", rows(VirtualMachine)["powerState"]),
    ],
)
def test_an_editor_shows_the_documentation_of_a_field(server: LanguageServer, text: str, row: Any) -> None:
    assert row.doc in server.hover("web1.yaml", text).replace("\\", "")
