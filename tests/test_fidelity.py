"""Import, measured: real objects are imported, removed, created again, and are what they were.

The objects are those of ../shared/corpus, from libvirt's own tests; where the folder is missing, this is skipped. What
a host can't define (type kvm without /dev/kvm) is left out of the count; `pytest -s` prints the figures.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
import yaml

from kvmctl import ownership, xmlio
from kvmctl.manifest.writing import dump
from kvmctl.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CORPUS: Final = Path(__file__).resolve().parents[2] / "shared" / "corpus"
# Some objects of the corpus have TLS ports, which libvirt takes only where its configuration allows TLS.
TLS: Final = 'spice_tls = 1\nspice_tls_x509_cert_dir = "/etc/libvirt"\nvnc_tls_x509_cert_dir = "/etc/libvirt"\n'

EXCEPTIONS: Final = {
    "qemuxml2argvdata.graphics-spice-timeout.xml": (
        "its graphics have a password, which is not imported; libvirt drops the password's end of validity with it"
    ),
}
"""By the file's name, why an object isn't created anew as it was."""


class Kind(NamedTuple):
    """How libvirt's binding deals with one kind of object."""

    define: Callable[[Any, str], Any]
    look_up: Callable[[Any, Original], Any]
    undefine: Callable[[Any], Any]
    xml: Callable[[Any], str]
    starts: bool = False


class Original(NamedTuple):
    """An object as it was before it was imported; `name` is its UUID where it has no name."""

    kind: str
    name: str
    file: str
    xml: str
    autostart: bool


POOL: Final = "corpus"
MEASURED: Final = ("key", "allocation", "physical", "target/timestamps")
"""What libvirt says of a volume from looking at it, which nobody can ask for."""


def kinds() -> dict[str, Kind]:
    """Return the kinds of the corpus in an order in which they can be defined."""
    import libvirt

    keep = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM
    return {
        "secret": Kind(
            lambda conn, xml: conn.secretDefineXML(xml),
            lambda conn, each: conn.secretLookupByUUIDString(each.name),
            lambda secret: secret.undefine(),
            lambda secret: str(secret.XMLDesc()),
        ),
        "nwfilter": Kind(
            lambda conn, xml: conn.nwfilterDefineXML(xml),
            lambda conn, each: conn.nwfilterLookupByName(each.name),
            lambda nwfilter: nwfilter.undefine(),
            lambda nwfilter: str(nwfilter.XMLDesc()),
        ),
        "network": Kind(
            lambda conn, xml: conn.networkDefineXML(xml),
            lambda conn, each: conn.networkLookupByName(each.name),
            lambda network: network.undefine(),
            lambda network: unmarked(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)),
            starts=True,
        ),
        "pool": Kind(
            lambda conn, xml: conn.storagePoolDefineXML(xml),
            lambda conn, each: conn.storagePoolLookupByName(each.name),
            lambda pool: pool.undefine(),
            lambda pool: str(pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE)),
        ),
        "volume": Kind(
            lambda conn, xml: conn.storagePoolLookupByName(POOL).createXML(xml),
            lambda conn, each: conn.storagePoolLookupByName(POOL).storageVolLookupByName(each.name),
            lambda volume: volume.delete(),
            measured,
        ),
        "domain": Kind(
            lambda conn, xml: conn.defineXML(xml),
            lambda conn, each: conn.lookupByName(each.name),
            lambda domain: domain.undefineFlags(keep),
            lambda domain: unmarked(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)),
            starts=True,
        ),
    }


def unmarked(xml: str) -> str:
    """Return a definition without the mark that says whose the object is: that is all that an apply may add."""
    return ownership.split(xml)[0]


def measured(volume: Any) -> str:
    """Return a volume's XML without what libvirt measures; only a look at its pool tells all of an image's format."""
    volume.storagePoolLookupByVolume().refresh()
    root = ET.fromstring(volume.XMLDesc())
    for place in MEASURED:
        xmlio.remove(root, place)
    return ET.tostring(root, encoding="unicode")


def make_pool(host: Any) -> None:
    """Make the pool of the volumes, with the image that one of them is based on."""
    xml = f"<pool type='dir'><name>{POOL}</name><target><path>/var/lib/libvirt/images/{POOL}</path></target></pool>"
    pool = host.storagePoolDefineXML(xml)
    pool.build()
    pool.create()
    pool.createXML("<volume><name>base.raw</name><capacity>65536</capacity></volume>")


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
    failed = [line for line in result.stderr.splitlines() if not line.endswith((" done", " …"))]
    assert result.returncode == code, f"{arguments}\n{result.stdout[-2000:]}\n" + "\n".join(failed)
    return result.stdout


def define_all(host: Any, without: Iterable[str] = ()) -> list[Original]:
    """Define every object of the corpus that this host takes; every third one is set to start with the host.

    `without` are files that had their turn: networks with one bridge can't be there at once.
    """
    import libvirt

    found = []
    for kind, how in kinds().items():
        for number, file in enumerate(sorted((CORPUS / kind).glob("*.xml"))):
            if file.name in without:
                continue
            try:
                made = how.define(host, file.read_text())
            except libvirt.libvirtError:
                continue
            starts = how.starts and number % 3 == 0
            if starts:
                made.setAutostart(1)
            name = made.UUIDString() if kind == "secret" else made.name()
            found.append(Original(kind, name, file.name, how.xml(made), starts))
    return found


def test_what_is_created_from_an_import_is_what_was_imported(box: Sandbox, host: Any, tmp_path: Path) -> None:
    make_pool(host)
    done: list[Original] = []
    differ: list[str] = []
    while originals := define_all(host, [each.file for each in done]):
        folder = str(tmp_path / f"manifests-{len(done)}")
        run(box, "import", "--all", "-d", folder)
        assert "No changes" in run(box, "plan", "--detailed-exitcode", "-f", folder)
        remove_all(host, originals)
        run(box, "apply", "--yes", "-f", folder)
        differ += [each.file for each in originals if not is_again(host, each)]
        done += originals
        remove_all(host, originals)
    told = ", ".join(f"{count} of kind {kind}" for kind, count in Counter(each.kind for each in done).items())
    sys.stdout.write(f"\nfidelity: {len(done) - len(differ)} of {len(done)} are what they were: {told}\n")
    assert [file for file in differ if file not in EXCEPTIONS] == []
    assert len(done) > 150
    assert len(EXCEPTIONS) * 100 <= len(done)


def remove_all(host: Any, originals: list[Original]) -> None:
    """Remove the objects, those first that others may need; filters that refer to each other as soon as they can."""
    import libvirt

    waiting = originals[::-1]
    while waiting:
        left = []
        for each in waiting:
            how = kinds()[each.kind]
            try:
                how.undefine(how.look_up(host, each))
            except libvirt.libvirtError:
                left.append(each)
        assert len(left) < len(waiting), left
        waiting = left


def is_again(host: Any, original: Original) -> bool:
    """Say whether an object has its former definition and autostart."""
    how = kinds()[original.kind]
    now = how.look_up(host, original)
    same = xmlio.same(ET.fromstring(original.xml), ET.fromstring(how.xml(now)))
    return same and (not how.starts or bool(now.autostart()) == original.autostart)


class Edit(NamedTuple):
    """One field of a machine changed: its path in the plan, and its place in libvirt's XML."""

    path: str
    place: str


def edited(spec: dict[str, Any], number: int) -> Edit:
    """Change one field of a machine's spec, another one for each number, and return which."""
    disk = next((each for each in spec.get("disks", []) if each.get("device", "disk") == "disk"), None)
    match number % 6:
        case 1 if disk is not None:
            target = disk["target"]
            disk["discard"] = "ignore" if disk.get("discard") == "unmap" else "unmap"
            return Edit(f"spec.disks[{target}].discard", f"devices/disk[{target}]/driver/@discard")
        case 2:
            spec["onCrash"] = "restart" if spec.get("onCrash", "destroy") == "destroy" else "destroy"
            return Edit("spec.onCrash", "on_crash")
        case 3:
            spec["onReboot"] = "destroy" if spec.get("onReboot", "restart") == "restart" else "restart"
            return Edit("spec.onReboot", "on_reboot")
        case 4 if disk is not None:
            target = disk["target"]
            disk["serial"] = "another-serial"
            return Edit(f"spec.disks[{target}].serial", f"devices/disk[{target}]/serial")
        case 5:
            spec["description"] = "another description"
            return Edit("spec.description", "description")
        case _:
            spec["title"] = "another title"
            return Edit("spec.title", "title")


def test_one_changed_field_is_one_change_at_one_place(box: Sandbox, host: Any, tmp_path: Path) -> None:
    originals = define_all(host)
    folder = tmp_path / "manifests"
    run(box, "import", "--all", "-d", str(folder))
    edits = {}
    for number, file in enumerate(sorted((folder / "vm").glob("*.yaml"))):
        document = yaml.safe_load(file.read_text())
        edits[document["metadata"]["name"]] = edited(document["spec"], number)
        file.write_text(dump([document]))
    plan = json.loads(run(box, "plan", "-o", "json", "-f", str(folder)))
    assert {each["address"] for each in plan["actions"]} == {f"vm/{name}" for name in edits}
    told = {each["address"]: [cause["path"] for cause in each["because"]] for each in plan["actions"]}
    assert told == {f"vm/{name}": [edit.path] for name, edit in edits.items()}
    before = {name: definition(host, name) for name in edits}
    run(box, "apply", "--yes", "-f", str(folder))
    moved = {name: before[name].items() ^ definition(host, name).items() for name in edits}
    assert {name: {place for place, _ in found} for name, found in moved.items()} == {
        name: {edit.place} for name, edit in edits.items()
    }
    remove_all(host, originals)


def definition(host: Any, name: str) -> dict[str, str]:
    """Return the texts of a machine's definition by their places."""
    return xmlio.flat(ET.fromstring(kinds()["domain"].xml(host.lookupByName(name))))


INSTALLS: Final = (Path(__file__).parent / "virt_install_options.txt").read_text().splitlines()
"""Option sets of virt-install, one machine each."""


def test_what_virt_install_makes_is_imported_likewise(box: Sandbox, host: Any, tmp_path: Path) -> None:
    if shutil.which("virt-install") is None:
        pytest.skip("virt-install is missing (Debian's package virtinst)")
    how = kinds()["domain"]
    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(lambda each: printed(box, *each), enumerate(INSTALLS)))
    originals = []
    for text in texts:
        made = how.define(host, text)
        originals.append(Original("domain", made.name(), made.name(), how.xml(made), autostart=False))
    folder = str(tmp_path / "manifests")
    run(box, "import", "--all", "-d", folder)
    assert "No changes" in run(box, "plan", "--detailed-exitcode", "-f", folder)
    remove_all(host, originals)
    run(box, "apply", "--yes", "-f", folder)
    assert [each.name for each in originals if not is_again(host, each)] == []


def printed(box: Sandbox, number: int, options: str) -> str:
    """Return the XML that virt-install makes of its options."""
    fixed = f"--name vi{number:02} --memory 512 --virt-type qemu --import --print-xml --check all=off"
    argv = ["virt-install", *shlex.split(fixed), "--osinfo", "detect=off,require=off", *shlex.split(options)]
    result = box.run(argv, timeout=60)
    assert result.returncode == 0, f"{options}\n{result.stderr}"
    return result.stdout
