"""What the libraries alone need; each floor runs in a fresh interpreter, and prints the seconds that it took.

python floors.py domains URI     libvirt-python: connect, list the domains, read the inactive XML of each, one by one
python floors.py objects URI     the same, and networks, pools and volumes
python floors.py yaml FILE       PyYAML: load all documents of a file with the safe C loader
python floors.py calls URI FILE  kvmctl: the libvirt calls of a plan, the resources without change, the actions
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def domains(uri: str) -> float:
    """Return the seconds that reading every domain takes."""
    import libvirt

    started = time.perf_counter()
    connection = libvirt.openReadOnly(uri)
    for domain in connection.listAllDomains():
        domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    taken = time.perf_counter() - started
    connection.close()
    return taken


def objects(uri: str) -> float:
    """Return the seconds that reading every domain, network, pool and volume takes."""
    import libvirt

    started = time.perf_counter()
    connection = libvirt.openReadOnly(uri)
    for domain in connection.listAllDomains():
        domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    for network in connection.listAllNetworks():
        network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    for pool in connection.listAllStoragePools():
        pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE)
        for volume in pool.listAllVolumes():
            volume.XMLDesc()
    taken = time.perf_counter() - started
    connection.close()
    return taken


def yaml(file: str) -> float:
    """Return the seconds that loading every document of a file takes."""
    import yaml as library

    text = Path(file).read_text(encoding="utf-8")
    started = time.perf_counter()
    list(library.load_all(text, library.CSafeLoader))
    return time.perf_counter() - started


def calls(uri: str, file: str) -> str:
    """Return the number of libvirt calls of a plan, of the resources without change, and of actions."""
    from kvmctl.cli import session
    from kvmctl.hypervisor import Hypervisor

    want = session.load([file])
    with Hypervisor.open(uri, readonly=True) as hypervisor:
        plan = session.make_plan(hypervisor, want)
        return f"{hypervisor.calls} {plan.unchanged} {len(plan.actions)}"


if __name__ == "__main__":
    sys.stdout.write(f"{globals()[sys.argv[1]](*sys.argv[2:])}\n")
