"""Whether XML surely says what is wanted; test_xmlio.py holds that it never says yes where reading it says no."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl import xmlio
from kvmctl.document import decode
from kvmctl.models.vm import VirtualMachine

if TYPE_CHECKING:
    from collections.abc import Mapping

MACHINE = """\
<domain type='qemu'>
  <memory unit='KiB'>524288</memory>
  <currentMemory unit='KiB'>524288</currentMemory>
  <vcpu placement='static' current='1'>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <boot dev='hd'/>
    <boot dev='network'/>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/images/web.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:00:00:01'/>
      <source network='lab'/>
    </interface>
    <input type='mouse' bus='ps2'/>
  </devices>
</domain>
"""
STATED: dict[str, Any] = {
    "type": "qemu",
    "memory": "512MiB",
    "vcpus": {"current": 1, "max": 2},
    "os": {"arch": "x86_64", "machine": "q35", "boot": ["hd", "network"]},
    "disks": [{"target": "vda", "file": "/images/web.qcow2", "format": "qcow2"}],
    "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:01"}],
    "autostart": True,
}


def is_said(stated: Mapping[str, Any]) -> bool:
    return xmlio.says(ET.fromstring(MACHINE), decode(VirtualMachine, stated), autostart=True)


def test_a_machine_that_is_as_wanted_is_found_so() -> None:
    assert is_said(STATED)
    assert is_said({**STATED, "shutdown": {"timeout": 5}}), "what only steers kvmctl is nothing of the machine's"


@pytest.mark.parametrize(
    "other",
    [
        {"type": "kvm"},
        {"memory": "513MiB"},
        {"title": None},
        {"vcpus": 2},
        {"os": {"boot": ["network", "hd"]}},
        {"os": {"machine": "pc"}},
        {"os": {"initrd": "/i"}},
        {"clock": {"offset": "utc"}},
        {"disks": []},
        {"disks": [{"target": "vdb", "file": "/images/web.qcow2"}]},
        {"disks": [{"target": "vda", "file": "/images/web.qcow2", "cache": "none"}]},
        {"disks": [{"target": "vda", "disk": "web.qcow2"}]},
        {"disks": [*STATED["disks"], {"target": "vdb"}]},
        {"interfaces": [{"network": "lab", "mac": "52:54:00:00:00:02"}]},
        {"inputs": []},
        {"autostart": False},
        {"xml": "<domain><devices/></domain>"},
    ],
    ids=str,
)
def test_where_it_may_not_be_it_has_to_be_read(other: dict[str, Any]) -> None:
    assert not is_said({**STATED, **other})
