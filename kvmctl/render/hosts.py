"""Machines for other tools: Ansible's inventory, as YAML or as a dynamic one's JSON, and a config of ssh."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Host(NamedTuple):
    """One machine: by which address, as whom and by way of which host it is reached; its labels are its groups."""

    name: str
    address: str
    user: str | None
    jump: str | None
    labels: Mapping[str, str]


def text(hosts: Sequence[Host], output: str) -> str:
    """Return the hosts as yaml, json or ssh has them."""
    if output == "ssh":
        return "".join(map(_ssh, hosts))
    variables = {host.name: _variables(host) for host in hosts}
    groups = _groups(hosts)
    if output == "json":
        document: dict[str, Any] = {"_meta": {"hostvars": variables}, "all": {"hosts": list(variables)}}
        document |= {group: {"hosts": names} for group, names in groups.items()}
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    from kvmctl.manifest.writing import dump

    children: dict[str, Any] = {group: {"hosts": {name: {} for name in names}} for group, names in groups.items()}
    return dump([{"all": {"hosts": variables, **({"children": children} if children else {})}}])


def _variables(host: Host) -> dict[str, str]:
    found = {"ansible_host": host.address}
    if host.user:
        found["ansible_user"] = host.user
    if host.jump:
        found["ansible_ssh_common_args"] = f"-J {host.jump}"
    return found


def _groups(hosts: Sequence[Host]) -> dict[str, list[str]]:
    """Return the names of the hosts by group: a label tier=web is the group tier_web, of letters, digits and _."""
    found: dict[str, list[str]] = {}
    for host in hosts:
        for name, value in host.labels.items():
            found.setdefault(re.sub(r"[^A-Za-z0-9_]", "_", f"{name}_{value}" if value else name), []).append(host.name)
    return dict(sorted(found.items()))


def _ssh(host: Host) -> str:
    lines = [f"Host {host.name}", f"  HostName {host.address}"]
    if host.user:
        lines.append(f"  User {host.user}")
    if host.jump:
        lines.append(f"  ProxyJump {host.jump}")
    return "\n".join(lines) + "\n"
