"""The generated files of `schemas/`: for each kind a JSON Schema and a reference page, made of its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from kvmctl import explain, wording
from kvmctl.fields import Model, Row, rows
from kvmctl.models import WRITTEN, Kind
from kvmctl.models.metadata import Metadata
from kvmctl.render.plan_schema import plan_schema
from kvmctl.schema import combined, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NOTE: Final = "<!-- Generated from kvmctl/models; `kvmctl schema --write schemas` writes it anew. -->"
_COLUMNS: Final = ("field", "type", "on creation", "in libvirt", "a change", "meaning")

EXAMPLES: Final = {
    "nwfilter": """\
apiVersion: kvmctl/v1
kind: NetworkFilter
metadata: {name: web}
spec:
  rules:
    - {filterref: clean-traffic}
    - {action: accept, direction: in, tcp: {dstPortStart: 443}}
    - {action: drop, direction: in, all: {}}
""",
    "secret": """\
apiVersion: kvmctl/v1
kind: Secret
metadata: {name: client.libvirt}
spec:
  usage: ceph
  private: true
  value: {command: [ceph, auth, get-key, client.libvirt], encoding: base64}
""",
    "pool": """\
apiVersion: kvmctl/v1
kind: StoragePool
metadata: {name: default}
spec: {type: dir, path: /var/lib/libvirt/images, active: true, autostart: true}
""",
    "network": """\
apiVersion: kvmctl/v1
kind: Network
metadata: {name: lab}
spec:
  forward: {mode: nat}
  active: true
  autostart: true
  domain: {name: lab.example}
  ips:
    - address: 192.168.100.1
      prefix: 24
      dhcp:
        ranges: [{start: 192.168.100.10, end: 192.168.100.99}]
        hosts: [{mac: "52:54:00:aa:bb:cc", ip: 192.168.100.50, name: web1}]
""",
    "disk": """\
apiVersion: kvmctl/v1
kind: Disk
metadata: {name: web1-root}
spec:
  pool: default
  format: qcow2
  size: 20GiB
  source: {path: images/web.raw, format: raw}
""",
    "vm": """\
apiVersion: kvmctl/v1
kind: VirtualMachine
metadata: {name: web1, labels: {tier: web}}
spec:
  powerState: Running
  autostart: true
  vcpus: 2
  memory: 2GiB
  os: {arch: x86_64, machine: q35, firmware: bios, boot: [hd]}
  disks:
    - {target: vda, disk: web1-root, bus: virtio}
  interfaces:
    - {name: lan, network: lab, model: virtio}
""",
    "profile": """\
apiVersion: kvmctl/v1
kind: Profile
metadata: {name: base}
spec:
  vm:
    memory: 2GiB
    vcpus: 2
    os: {machine: q35, firmware: uefi}
  disk: {pool: default, format: qcow2}
""",
}
"""A small manifest for each kind, by its short name; it stands on top of the kind's page."""


def pages() -> dict[str, str]:
    """Return the content of every generated file by its name; equal models give equal bytes."""
    found = {
        "README.md": _index(),
        "kvmctl.schema.json": _json(combined()),
        "plan.schema.json": _json(plan_schema()),
    }
    for kind in WRITTEN:
        found[f"{kind.short}.schema.json"] = _json(json_schema(kind))
        found[f"{kind.short}.md"] = page(kind)
    return found


def write(folder: Path) -> None:
    """Write every generated file into a folder, which is made if missing; OSError where it can't be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pages().items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


def _json(schema: object) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _index() -> str:
    """Return the index page: what the files are, and how the pages are read."""
    return _INDEX.replace("KINDS", "\n".join(map(_index_line, WRITTEN)))


def _index_line(kind: Kind) -> str:
    short, schema = kind.short, f"{kind.short}.schema.json"
    called = f"`{short}`" if kind.element else "never"
    what = _cell(wording.summary(kind.model))
    return f"| [{kind.name}]({short}.md) | {called} | [{schema}]({schema}) | {what} |"


_INDEX: Final = f"""\
# Reference

{_NOTE}

| kind | in addresses | JSON Schema | what it is |
|---|---|---|---|
KINDS

[kvmctl.schema.json](kvmctl.schema.json) is for all kinds. An editor with yaml-language-server completes and
checks a manifest that begins with a line such as this one:

```yaml
# yaml-language-server: $schema=../schemas/kvmctl.schema.json
```

`kvmctl explain vm.disks.cache` tells the same of one field as the pages.

[plan.schema.json](plan.schema.json) is for programs that read what `kvmctl plan -o json`, `plan --out` and
`apply -o json` write. A program that knows `formatVersion` 1.0 can read every 1.x; those may have more names.

## How to read the pages

- A field that is left out is not managed: it keeps its value, and a new object gets what stands under
  *on creation*, or, where that is empty, what libvirt decides. `null` means that it must not be there.
- `profiles` in a spec names [profiles](profile.md), which may give any of its fields, required ones too.
- A list of objects is complete when it is given; its items are matched by their key, never by their position.
- Sizes are written with a unit (`KiB MiB GiB TiB`, `kB MB GB TB`); a bare number is a number of bytes.
- *in libvirt* is the path in libvirt's XML; `@` marks an attribute.

What a change does:

| word | it |
|---|---|
| `none` | disturbs nothing that runs |
| `live` | takes effect at once, in what runs too, by the call and on the conditions that stand there |
| `replug` | would need the device plugged anew; without that it takes effect at the next start |
| `next-boot` | takes effect at the next start |
| `interrupt` | cuts off for a moment what uses the object |
| `restart` | takes the object down |
| `refused` | is never made; the reason says what to do instead |
"""


def page(kind: Kind) -> str:
    """Return the reference page of a kind: an example, then a table for it and for each group of fields."""
    out = [
        f"# {kind.name}",
        "",
        _NOTE,
        "",
        f"{wording.summary(kind.model)} {_standing(kind)}",
        "",
        "```yaml",
        EXAMPLES[kind.short].rstrip("\n"),
        "```",
    ]
    out += ["", *_section(kind, "metadata", (wording.METADATA,), Metadata)]
    for trail, model in groups(kind.model):
        out += ["", *_section(kind, ".".join(["spec", *(row.yaml for row in trail)]), trail, model)]
    return "\n".join(out) + "\n"


def _standing(kind: Kind) -> str:
    """Return how a kind is called, and how profiles are put together."""
    if kind.element:
        return f"In addresses and on the command line it is `{kind.short}`."
    return (
        "A spec takes them over with `profiles: [base, web]`, that of a resource and the part of a profile alike: each "
        "profile goes over those before it, and what stands beside `profiles` over all of them. Groups of fields merge "
        "field by field; single values and lists are replaced as a whole; `null` takes away what a profile gave. The "
        "fields of a part are those of its kind. A profile exists in manifests alone."
    )


def groups(model: type[Model], trail: tuple[Row, ...] = ()) -> Iterator[tuple[tuple[Row, ...], type[Model]]]:
    """Yield (the rows that lead to it, model) for a model and every group of fields below it, depth first."""
    yield trail, model
    for row in rows(model).values():
        if row.model is not None and not row.part:
            yield from groups(row.model, (*trail, row))


def _section(kind: Kind, head: str, trail: tuple[Row, ...], model: type[Model]) -> list[str]:
    """Return the heading, the words and the table of one group of fields."""
    out = [f"## {head}", ""]
    if trail:
        told = explain.explain_row(kind, *trail)
        also = [f"Write {told.accepts}."] if told.accepts else []
        key = [f"Items are matched by {told.keys}."] if told.keys else []
        out += [" ".join([wording.summary(model), *also, *key]), ""]
    out += ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    return out + [_line(explain.explain_row(kind, *trail, row), row.since) for row in rows(model).values()]


def _line(told: explain.Explanation, since: str) -> str:
    """Return a field's line in the table; `since` is its own version of libvirt, not that of the group around."""
    name = told.path.rpartition(".")[2]
    how = told.reason or told.live
    change = f"`{told.update}`: {how}" if how else f"`{told.update}`"
    cells = [
        f"`{name}`, required" if told.required else f"`{name}`",
        _type(told),
        f"`{told.initial}`" if told.initial else "",
        f"`{told.place}`" if "/" in told.place else told.place,
        change,
        told.doc + (f" Since libvirt {since}." if since else ""),
    ]
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _type(told: explain.Explanation) -> str:
    """Return what a field takes: its words, how it must look, or the name of a type that the index tells."""
    if told.fields or told.type in ("size", "boolean"):
        return told.type
    takes = ", ".join(f"`{value}`" for value in told.values) or told.accepts
    return f"list of: {takes}" if told.type.startswith("list") else takes


def _cell(text: str) -> str:
    """Return text that can't end a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")
