"""Import, measured: real objects are imported, removed, created again, and are what they were.

The objects are those of ../shared/corpus, from libvirt's own tests; where the folder is missing, this is skipped. What
a host can't define (type kvm without /dev/kvm) is left out of the count; `pytest -s` prints the figures.
"""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from kvmctl import xmlio
from kvmctl.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CORPUS: Final = Path(__file__).resolve().parents[2] / "shared" / "corpus"
# Some objects of the corpus have TLS ports, which libvirt takes only where its configuration allows TLS.
TLS: Final = 'spice_tls = 1\nspice_tls_x509_cert_dir = "/etc/libvirt"\nvnc_tls_x509_cert_dir = "/etc/libvirt"\n'

EXCEPTIONS: Final = {
    "qemuxml2argvdata.graphics-spice-timeout.xml": (
        "its graphics have a password, which no manifest holds; libvirt drops the password's end of validity with it"
    ),
}
"""By the file's name, why an object isn't created anew as it was."""


class Kind(NamedTuple):
    """How libvirt's binding deals with one kind of object."""

    define: Callable[[Any, str], Any]
    look_up: Callable[[Any, str], Any]
    undefine: Callable[[Any], Any]
    flags: int


def kinds() -> dict[str, Kind]:
    import libvirt

    keep = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM
    inactive = libvirt.VIR_NETWORK_XML_INACTIVE
    return {
        "network": Kind(
            lambda conn, xml: conn.networkDefineXML(xml),
            lambda conn, name: conn.networkLookupByName(name),
            lambda network: network.undefine(),
            inactive,
        ),
        "pool": Kind(
            lambda conn, xml: conn.storagePoolDefineXML(xml),
            lambda conn, name: conn.storagePoolLookupByName(name),
            lambda pool: pool.undefine(),
            libvirt.VIR_STORAGE_XML_INACTIVE,
        ),
        "domain": Kind(
            lambda conn, xml: conn.defineXML(xml),
            lambda conn, name: conn.lookupByName(name),
            lambda domain: domain.undefineFlags(keep),
            libvirt.VIR_DOMAIN_XML_INACTIVE,
        ),
    }


class Original(NamedTuple):
    """An object as it was before it was imported."""

    kind: str
    name: str
    file: str
    xml: str
    autostart: int


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    if not CORPUS.is_dir():
        pytest.skip(f"no real XML: {CORPUS} is missing")
    usable = os.access("/dev/kvm", os.R_OK | os.W_OK)
    made = Sandbox(kvm=usable, qemu_conf=TLS)
    try:
        made.start()
    except SandboxError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="module")
def host(box: Sandbox, open_session: Callable[[str], Any]) -> Iterator[Any]:
    connection = open_session(box.uri)
    yield connection
    connection.close()


def run(box: Sandbox, *arguments: str, code: int = 0) -> str:
    """Run kvmctl inside the sandbox and return its standard output; the exit code has to be `code`."""
    argv = [sys.executable, "-W", "error", "-c", "from kvmctl.cli import main; main()", *arguments]
    result = box.run(argv, timeout=300)
    assert result.returncode == code, f"{arguments}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


def define_all(host: Any) -> list[Original]:
    """Define every object of the corpus that this host takes; every third one is set to start with the host."""
    import libvirt

    found = []
    for kind, how in kinds().items():
        for number, file in enumerate(sorted((CORPUS / kind).glob("*.xml"))):
            try:
                made = how.define(host, file.read_text())
            except libvirt.libvirtError:
                continue
            if kind != "pool" and number % 3 == 0:
                made.setAutostart(1)
            found.append(Original(kind, made.name(), file.name, made.XMLDesc(how.flags), made.autostart()))
    return found


def test_what_is_created_from_an_import_is_what_was_imported(box: Sandbox, host: Any, tmp_path: Path) -> None:
    originals = define_all(host)
    assert len(originals) > 150
    folder = str(tmp_path / "manifests")
    run(box, "import", "--all", "-d", folder)
    assert "No changes" in run(box, "plan", "--detailed-exitcode", "-f", folder)
    for each in originals:
        how = kinds()[each.kind]
        how.undefine(how.look_up(host, each.name))
    run(box, "apply", "--yes", "-f", folder)
    differ = [each.file for each in originals if not is_again(host, each)]
    sys.stdout.write(f"\nfidelity: {len(originals) - len(differ)} of {len(originals)} objects are what they were\n")
    assert [file for file in differ if file not in EXCEPTIONS] == []
    assert len(EXCEPTIONS) * 100 <= len(originals)


def is_again(host: Any, original: Original) -> bool:
    """Say whether an object has its former definition and autostart."""
    how = kinds()[original.kind]
    now = how.look_up(host, original.name)
    same = xmlio.same(ET.fromstring(original.xml), ET.fromstring(now.XMLDesc(how.flags)))
    return same and bool(now.autostart() == original.autostart)
