"""The page and the pictures: names in them stay names, nothing overlaps, and a browser shows them."""

from __future__ import annotations

import html.parser
import itertools
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmctl.actions import Action, Disruption, Operation, Pending, Refusal
from kvmctl.diff import Change
from kvmctl.document import decode
from kvmctl.errors import Problem
from kvmctl.fields import rows
from kvmctl.inventory import Address, Resource
from kvmctl.models import BY_SHORT
from kvmctl.models.vm import VirtualMachine
from kvmctl.plan import Plan
from kvmctl.render import dot, mermaid, report, svg
from kvmctl.render import html as page
from kvmctl.render.layout import layout
from kvmctl.render.topology import Node, State, Topology, topology

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

MAIN = [sys.executable, "-W", "error", "-c", "from kvmctl.cli import main; main()"]
HOSTILE = [
    "<script>alert(1)</script>", "</details></style><img src=x onerror=alert(1)>", "' onload='alert(1)", '" onclick="x',
    "{{ 7 * 7 }}{% raw %}", "]]><svg onload=alert(1)>", 'a"] --> n9["b', "a#quot;b", 'x"; y -> z; "',
    "a\\", "a\nb\u202ec",
]  # fmt: skip
every_hostile = pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))

SPECS: dict[str, dict[str, Any]] = {
    "vm/web": {
        "memory": "64MiB", "disks": [{"target": "vda", "disk": "top"}, {"target": "vdb", "disk": "base"}],
        "interfaces": [{"network": "lab"}],
    },
    "disk/top": {"pool": "vms", "size": "1GiB", "format": "qcow2", "backing": "base"},
    "disk/base": {"pool": "vms", "size": "1GiB", "format": "qcow2"},
    "network/alone": {},
}  # fmt: skip


def inventory(specs: dict[str, dict[str, Any]]) -> dict[Address, Resource]:
    found = {}
    for text, spec in specs.items():
        address = Address(*text.split("/", 1))
        found[address] = Resource(address, decode(BY_SHORT[address.kind].model, spec))
    return found


def hostile_plan(name: str) -> Plan:
    """Return a plan in which a text stands everywhere that one can."""
    address = Address("vm", name)
    row = rows(VirtualMachine)["title"]
    change = Change(("title",), name, name + "2", row)
    act = Action(address, Operation.REDEFINE, Disruption.RESTART, (change,), (name,), name)
    spec = {"memory": "64MiB", "interfaces": [{"network": "lab"}]}
    want = {address: Resource(address, decode(VirtualMachine, spec))}
    return Plan(
        (act,), {}, (Refusal(address, (change,), Disruption.NONE, name, name),), (Pending(address, ()),), 0, want
    )


class Tags(html.parser.HTMLParser):
    """Collects the names of all elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@every_hostile
def test_a_page_holds_the_elements_of_its_template_alone(hostile: str) -> None:
    plain, odd = (Tags(page.text(report.of_plan(hostile_plan(name)))) for name in ("plain", hostile))
    assert (odd.tags, odd.attributes) == (plain.tags, plain.attributes)
    problems = page.text(report.of_problems("plan", [Problem(hostile, hostile, hostile, 1, 1, hostile)]))
    assert not Tags(problems).tags & {"script", "img", "svg"}


def test_a_page_needs_nothing_else() -> None:
    text = page.text(report.of_plan(hostile_plan("web")))
    assert "default-src 'none'" in text
    assert not Tags(text).attributes & {"src", "href", "srcset", "onclick", "onload"}
    assert not re.findall(r"url\(|@import", text)
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_too_much_for_a_picture_is_said() -> None:
    want = inventory({f"network/n{number}": {} for number in range(page.MOST_DRAWN + 1)})
    text = page.text(report.of_plan(Plan((), {}, unchanged=len(want), want=want)))
    assert "<svg" not in text
    assert "201 resources are too many for a picture" in text


def test_what_uses_what() -> None:
    drawn = topology(inventory(SPECS))
    assert {f"{user} {used}" for user, used in drawn.edges} == {
        "vm/web disk/top", "vm/web disk/base", "vm/web network/lab", "disk/top pool/vms", "disk/top disk/base",
        "disk/base pool/vms",
    }  # fmt: skip
    assert len(drawn.edges) == 6
    states = {str(node.address): node.state for node in drawn.nodes}
    assert states == dict.fromkeys(SPECS, State.SAME) | dict.fromkeys(["network/lab", "pool/vms"], State.OUTSIDE)
    column = {item: at for at, items in enumerate(layout(drawn).columns) for item in items}
    assert [column[Address(*each.split("/"))] for each in ("vm/web", "disk/top", "disk/base", "pool/vms")] == [
        0,
        1,
        2,
        3,
    ]


@pytest.mark.parametrize(
    ("operation", "state"),
    [(Operation.CREATE, "new"), (Operation.DELETE, "gone"), (Operation.REDEFINE, "changed")],
)
def test_a_picture_shows_what_is_done(operation: Operation, state: str) -> None:
    action = Action(Address("disk", "base"), operation, Disruption.NONE)
    drawn = topology(inventory(SPECS), report.of_plan(Plan((action, action), {})).findings)
    assert {node.state for node in drawn.nodes if node.address == action.address} == {state}
    refused = Refusal(action.address, (), Disruption.NONE, "no")
    drawn = topology(inventory(SPECS), report.of_plan(Plan((action,), {}, (refused,))).findings)
    assert {node.state for node in drawn.nodes if node.address == action.address} == {"wrong"}


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Return any nodes with any edges, rings too."""
    kinds = draw(
        st.lists(st.sampled_from(["vm", "disk", "network", "pool", "secret", "host"]), min_size=1, max_size=12)
    )
    addresses = [Address(kind, f"n{at}") for at, kind in enumerate(kinds)]
    pairs = st.tuples(st.sampled_from(addresses), st.sampled_from(addresses))
    edges = draw(st.lists(pairs, max_size=20, unique=True))
    return Topology(tuple(Node(address, State.SAME) for address in addresses), tuple(edges))


@given(topologies())
@settings(max_examples=60, deadline=None)
def test_users_stand_left_of_what_they_use_and_nothing_overlaps(drawn: Topology) -> None:
    laid = layout(drawn)
    items = [item for column in laid.columns for item in column]
    assert len(items) == len(set(items))
    assert {item for item in items if isinstance(item, Address)} == {node.address for node in drawn.nodes}
    column = {item: at for at, each in enumerate(laid.columns) for item in each}
    for way in laid.ways:
        assert [column[item] for item in way] == [*range(column[way[0]], column[way[-1]] + 1)]
    root = ET.fromstring(svg.text(drawn))
    boxes = [[int(each.get(name, "")) for name in ("x", "y", "width", "height")] for each in root.iter(f"{SVG}rect")]
    assert len(boxes) == len(drawn.nodes)
    width, height = int(root.get("width", "")), int(root.get("height", ""))
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in boxes)
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_nothing_gives_an_empty_picture() -> None:
    assert list(ET.fromstring(svg.text(Topology((), ()))).iter(f"{SVG}rect")) == []
    assert (mermaid.text(Topology((), ())), dot.text(Topology((), ())).count("\n")) == ("flowchart LR\n", 4)


SVG = "{http://www.w3.org/2000/svg}"


@every_hostile
def test_names_stay_names_in_every_picture(hostile: str) -> None:
    drawn = topology(inventory({"vm/web": SPECS["vm/web"]} | {f"network/{hostile}": {}}))
    text = svg.text(drawn)
    root = ET.fromstring(text)
    assert {each.tag for each in root.iter()} == {
        f"{SVG}{name}" for name in ("svg", "title", "style", "path", "g", "rect", "text")
    }
    names = re.compile(r'  (n\d+)(\[|\[\(|\[\[|\(\[)"[\w /.#;-]+"(\]|\)\]|\]\]|\]\))(:::\w+)?')
    arrows = re.compile(r"  n\d+ --> n\d+|flowchart LR|  classDef \w+ [\w:#,-]+")
    lines = mermaid.text(drawn).splitlines()
    assert sum(names.fullmatch(line) is not None for line in lines) == len(drawn.nodes)
    assert all(names.fullmatch(line) or arrows.fullmatch(line) for line in lines)
    quoted = r'"(?:[^"\\]|\\.)*"'
    node, edge = rf"  {quoted}( \[[\w=, \"#]+\])?;", rf"  {quoted} -> {quoted};"
    inside = dot.text(drawn).splitlines()[3:-1]
    assert [bool(re.fullmatch(node, line)) for line in inside].count(True) == len(drawn.nodes)
    assert [bool(re.fullmatch(edge, line)) for line in inside].count(True) == len(drawn.edges)


def test_graph_needs_no_connection(tmp_path: Path) -> None:
    documents = [
        f"apiVersion: kvmctl/v1\nkind: {BY_SHORT[kind].name}\nmetadata: {{name: {name}}}\nspec: {json.dumps(spec)}\n"
        for (kind, name), spec in ((each.split("/"), spec) for each, spec in SPECS.items())
    ]

    def drawn(*arguments: str) -> str:
        argv = [*MAIN, "graph", "-f", "-", *arguments]
        told = subprocess.run(
            argv, input="---\n".join(documents), capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert (told.returncode, told.stderr) == (0, "")
        return told.stdout

    assert drawn().startswith('flowchart LR\n  n0["vm/web"]\n')
    assert '"disk/top" -> "pool/vms";' in drawn("-o", "dot")
    assert ET.fromstring(drawn("-o", "svg")).tag == f"{SVG}svg"
    assert "network/alone" not in drawn("--target", "vm/web")


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium here; apt-get install chromium brings it"
)
PROBE = """<script>
  for (const each of document.querySelectorAll("details")) each.open = true;
  document.title = JSON.stringify({
    needs: document.documentElement.scrollWidth, has: document.documentElement.clientWidth,
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.querySelector(".kvmctl-topology text")).fill,
    foreign: document.querySelectorAll("img, iframe, object, body script:not(:last-child)").length,
    height: document.querySelector("details table").getBoundingClientRect().height,
    alerts: window.alerted || 0,
  });
</script>"""


def browsed(file: Path, *options: str) -> dict[str, Any]:
    """Return what a browser makes of a page whose every fold is open; the page's own policy would forbid to ask."""
    policy = re.search(r"<meta http-equiv=.*?>\n", file.read_text())
    assert policy is not None
    asked = file.with_suffix(".asked.html")
    text = file.read_text().replace(policy[0], "<script>window.alert = () => { window.alerted = 1 }</script>")
    asked.write_text(text.replace("</body>", f"{PROBE}</body>"))
    argv = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={file.parent / 'profile'}",
        "--dump-dom", *options, asked.as_uri(),
    ]  # fmt: skip
    told = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120).stdout
    title = re.search("<title>(.*?)</title>", told)
    assert title is not None, told[:500]
    found: dict[str, Any] = json.loads(title[1])
    return found


@in_a_browser
def test_a_browser_shows_the_page_on_a_phone_light_and_dark(tmp_path: Path) -> None:
    plan = hostile_plan("".join(HOSTILE) + "x" * 300)
    file = tmp_path / "plan.html"
    file.write_text(page.text(report.of_plan(plan)))
    phone = "--window-size=390,844"
    light = browsed(file, phone, "--blink-settings=preferredColorScheme=1")
    dark = browsed(file, phone, "--blink-settings=preferredColorScheme=0")
    for told in (light, dark):
        assert told["needs"] <= told["has"] <= 500, "nothing sticks out to the side"
        assert (told["foreign"], told["alerts"]) == (0, 0)
        assert told["height"] > 0
    assert (light["paper"], dark["paper"]) == ("rgb(255, 255, 255)", "rgb(13, 17, 23)")
    assert light["ink"] != dark["ink"]
