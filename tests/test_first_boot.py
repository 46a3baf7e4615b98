"""First-boot data: the seeds' texts and bytes, what of them is judged, and that no secret in them is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl import cloudinit, manifest, seeding
from kvmctl.cloudinit import iso
from kvmctl.cloudinit.parts import parts_of, texts
from kvmctl.errors import KvmctlError, Problem
from kvmctl.inventory import Address
from kvmctl.manifest.foreign import foreign

if TYPE_CHECKING:
    from pathlib import Path

    from kvmctl.inventory import Resource

FOLDER = "/var/lib/libvirt/images"
SECRET = "not-for-anybody"  # noqa: S105 - what the tests look for


def machine(tmp_path: Path, spec: str, name: str = "web1") -> Resource:
    path = tmp_path / "web.yaml"
    path.write_text(
        f"apiVersion: kvmctl/v1\nkind: VirtualMachine\nmetadata: {{name: {name}}}\n"
        f"spec:\n  memory: 64MiB\n  disks: []\n{spec}"
    )
    return manifest.load([path])[Address("vm", name)]


def told(tmp_path: Path, cloud_init: str) -> dict[str, str]:
    """Return the texts of a seed that a manifest describes."""
    return texts(parts_of(machine(tmp_path, f"  cloudInit: {cloud_init}\n"), seeding.CLOUD_INIT))


@given(st.dictionaries(st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True), st.binary(max_size=5000), max_size=5))
def test_an_image_gives_its_files_back(files: dict[str, bytes]) -> None:
    assert iso.files(iso.image(files)) == files


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_equal_files_give_equal_bytes_in_every_time_zone(zone: str) -> None:
    making = "sys.stdout.buffer.write(iso.image({'user-data': b'#cloud-config'}))"
    script = f"import sys; from kvmctl.cloudinit import iso; {making}"
    made = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, env={**os.environ, "TZ": zone}
    ).stdout
    assert made == iso.image({"user-data": b"#cloud-config"})
    assert time.strftime("%Y").encode() not in made


def test_what_is_no_image_is_said_to_be_none() -> None:
    with pytest.raises(KvmctlError, match="not an ISO image"):
        iso.files(b"nothing" * 10_000)


def test_the_smallest_seed_names_the_instance(tmp_path: Path) -> None:
    assert told(tmp_path, "{}") == {"user-data": "#cloud-config\n{}\n", "meta-data": "instance-id: web1\n"}


def test_typed_fields_become_a_cloud_config(tmp_path: Path) -> None:
    made = told(
        tmp_path,
        "{hostname: h, packages: [a], users: [{name: u, groups: [g], sshKeys: [k], passwordHash: {env: P}}], "
        "userData: {runcmd: [true]}}".replace("[true]", "[date]"),
    )
    assert foreign(made["user-data"]) == {
        "users": [
            "default",
            {
                "name": "u",
                "groups": ["g"],
                "ssh_authorized_keys": ["k"],
                "lock_passwd": False,
                "hashed_passwd": {"env": "P"},
            },
        ],
        "packages": ["a"],
        "runcmd": ["date"],
    }
    assert foreign(made["meta-data"]) == {"instance-id": "web1", "local-hostname": "h"}


def test_data_is_taken_inline_from_text_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("#!/bin/sh\nexit\n")
    made = told(tmp_path, '{userData: {file: user}, metaData: "instance-id: i\\n", networkConfig: {version: 2}}')
    assert made == {
        "user-data": "#!/bin/sh\nexit\n", "meta-data": "instance-id: i\n", "network-config": "version: 2\n",
    }  # fmt: skip


def test_another_instance_only_where_the_work_is_to_be_done_anew(tmp_path: Path) -> None:
    def instance(more: str) -> Any:
        return foreign(told(tmp_path, f"{{{more}}}")["meta-data"])["instance-id"]

    assert instance("packages: [a]") == instance("packages: [b]") == "web1"
    assert instance("packages: [a], onChange: recreate") != instance("packages: [b], onChange: recreate")
    assert instance("onChange: recreate, metaData: {instance-id: mine}") == "mine"


def test_a_seed_is_named_by_its_text_and_never_by_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def name(spec: str) -> str:
        return seeding.named("web1", seeding.CLOUD_INIT, told(tmp_path, spec))

    plain = [name(f"{{userData: {{password: {word}}}}}") for word in ("a", "b")]
    assert plain[0] != plain[1]
    referring = []
    for value in ("a", "b"):
        monkeypatch.setenv("WORD", value)
        referring.append(name("{userData: {password: {env: WORD}}}"))
    assert referring[0] == referring[1]
    assert all(seeding.is_seed(f"/images/{each}", "web1") for each in (*plain, *referring))
    assert not seeding.is_seed(plain[0], "web")


def problems(tmp_path: Path, spec: str) -> list[Problem]:
    resource = machine(tmp_path, spec)
    return cloudinit.check({resource.address: resource})


def test_a_text_that_cloud_init_would_not_know_is_refused(tmp_path: Path) -> None:
    [wrong] = problems(tmp_path, "  cloudInit: {userData: 'packages: [nginx]'}\n")
    assert (wrong.line, wrong.field) == (7, "spec.cloudInit.userData")
    assert "begins with neither" in wrong.message
    [broken] = problems(tmp_path, '  cloudInit: {userData: "#cloud-config\\nusers: [a\\n"}\n')
    assert "not YAML" in broken.message
    assert problems(tmp_path, '  cloudInit: {userData: "#!/bin/sh\\n"}\n') == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    [wrong] = problems(tmp_path, "  cloudInit: {userData: {file: nowhere.yaml}}\n")
    assert wrong.field == "spec.cloudInit.userData.file"
    assert "nowhere.yaml: No such file or directory" in wrong.message
    [wrong] = problems(tmp_path, "  cloudInit: {schema: nowhere.json}\n")
    assert "nowhere.json: No such file or directory" in wrong.message


def test_a_cloud_config_is_judged_by_the_schema_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(
        json.dumps(
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "properties": {
                    "packages": {"type": "array"},
                    "password": {"type": "string"},
                    "runcmd": {"type": "array", "items": {"oneOf": [{"type": "string"}, {"type": "array"}]}},
                },
            }
        )
    )
    judged = "  cloudInit:\n    schema: schema.json\n    userData:\n"
    [wrong] = problems(tmp_path, f"{judged}      packages: nginx\n      password: {{env: NOT_EVEN_SET}}\n")
    assert (wrong.line, wrong.field) == (10, "spec.cloudInit.userData.packages")
    assert "cloud-init refuses packages: 'nginx' is not of type 'array'" in wrong.message
    [wrong] = problems(tmp_path, f"{judged}      runcmd: [date, 3]\n")
    assert wrong.field == "spec.cloudInit.userData.runcmd[1]"
    (tmp_path / "user.yaml").write_text("#cloud-config\npackages: nginx\n")
    [wrong] = problems(tmp_path, "  cloudInit: {schema: schema.json, userData: {file: user.yaml}}\n")
    assert wrong.field == "spec.cloudInit.userData"


SPECS = {
    "pool/p": f"type: dir, path: {FOLDER}/p, active: true",
    "disk/web1.qcow2": "pool: p, format: qcow2, size: 1MiB",
}


def specs(user_data: str, more: str = "") -> dict[str, str]:
    return SPECS | {
        "vm/web1": "type: qemu, memory: 32MiB, os: {machine: q35}, shutdown: {timeout: 0s, force: true}, "
        f"disks: [{{target: vda, disk: web1.qcow2}}], {more} cloudInit: {{userData: {{{user_data}}}}}, "
        "ignition: {config: {storage: {env: WORD}}}"
    }


def seeds(sandbox: Any) -> dict[str, bytes]:
    """Return the seeds in the pool's folder."""
    return {path.name: path.read_bytes() for path in sandbox.outside(f"{FOLDER}/p").iterdir() if "-seed-" in path.name}


def test_no_secret_is_shown_and_a_changed_one_is_found_by_apply(
    kvmctl: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORD", SECRET)
    want = specs("packages: [nginx], password: {env: WORD}", "powerState: Running,")
    told = kvmctl.run("plan", specs=want).stdout + kvmctl.run("plan", "-o", "json", specs=want).stdout
    told += kvmctl.run("plan", "-o", "commands", specs=want).stdout + kvmctl.apply(want)
    made = seeds(sandbox)
    assert sorted(name[-3:] for name in made) == ["ign", "iso"]
    assert all(SECRET.encode() in data for data in made.values())

    monkeypatch.setenv("WORD", f"{SECRET}-2")
    assert "No changes" in kvmctl.run("plan", specs=want).stdout  # a read-only connection isn't told
    told += kvmctl.run("apply", "--yes", specs=want).stdout
    assert "which is missing or has other secrets" in told
    assert seeds(sandbox).keys() == made.keys()
    assert all(f"{SECRET}-2".encode() in data for data in seeds(sandbox).values())

    other = specs("packages: [nginx, curl], password: {env: WORD}", "powerState: Running,")
    told += kvmctl.run("plan", specs=other).stdout
    assert "-packages: [nginx]\n        +packages: [nginx, curl]\n         password: {env: WORD}" in told
    assert SECRET not in told
    monkeypatch.delenv("WORD")
    failed = kvmctl.run("apply", "--yes", specs=other, code=1)
    assert "a secret that it is given is to come from WORD, which is not in the environment" in failed.stderr


def test_seeds_go_when_nothing_uses_them_any_more(kvmctl: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "w")
    kvmctl.apply(specs("packages: [a]", "powerState: Running,"))
    first = seeds(sandbox)
    told = kvmctl.apply(specs("packages: [b]", "powerState: Running,"))
    assert "seed  [next-boot]" in told
    assert (
        "pending until its next start"
        in kvmctl.run("plan", specs=specs("packages: [b]", "powerState: Running,")).stdout
    )
    assert first.keys() < seeds(sandbox).keys(), "the running guest has its seed still"
    assert "restart  [restart]" in kvmctl.apply(
        specs("packages: [b]", "powerState: Running,"), "--max-disruption", "restart"
    )
    assert len(seeds(sandbox)) == len(first)
    kvmctl.apply(specs("packages: [c]", "powerState: Off,"), "--max-disruption", "restart")
    kvmctl.apply(specs("packages: [d]", "powerState: Off,"))
    assert len(seeds(sandbox)) == len(first)
    told = kvmctl.run("delete", "vm/web1", "--yes").stdout
    assert f"removes its {FOLDER}/p/web1-seed-" in told
    assert seeds(sandbox) == {}


def test_a_seed_that_is_lost_or_ejected_comes_back(
    kvmctl: Any, sandbox: Any, conn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORD", "w")
    want = specs("packages: [a]")
    kvmctl.apply(want)
    made = seeds(sandbox)
    for name in made:
        conn.storagePoolLookupByName("p").storageVolLookupByName(name).delete()
    assert "which is missing or has other secrets" in kvmctl.run("plan", specs=want).stdout
    kvmctl.apply(want)
    assert seeds(sandbox) == made
    ejected = sandbox.run(["virsh", "change-media", "web1", "sdg", "--eject", "--config"])
    assert ejected.returncode == 0, ejected.stderr
    assert "vm/web1  seed  [none]" in kvmctl.run("plan", specs=want).stdout
    kvmctl.apply(want)


def test_a_guest_that_does_not_come_is_told_of_and_runs_on(kvmctl: Any, conn: Any) -> None:
    spec = "type: qemu, memory: 32MiB, powerState: Running, channels: [{type: unix, target: virtio, name: %s}], "
    want = {"vm/web1": spec % "org.qemu.guest_agent.0" + "wait: {for: agent, timeout: 2s}"}
    assert "waits for the guest's agent, up to 2s" in kvmctl.run("plan", specs=want).stdout
    told = kvmctl.run("apply", "--yes", specs=want, code=4)
    assert "vm/web1: create done" in told.stderr
    assert "vm/web1: agent did not come within" in told.stderr
    assert "agent: Guest agent is not responding: QEMU guest agent is not connected" in told.stderr
    assert "lease: none" in told.stderr
    assert conn.lookupByName("web1").isActive()
    assert "No changes" in kvmctl.run("plan", "--detailed-exitcode", specs=want).stdout


def test_a_machine_without_an_address_is_not_reached(kvmctl: Any) -> None:
    kvmctl.apply({"vm/web1": "type: qemu, memory: 32MiB, powerState: Running"})
    assert "vm/web1 has no address: lease: none; agent: " in kvmctl.run("ssh", "vm/web1", code=1).stderr
    assert "vm/none" in kvmctl.run("ssh", "none", code=1).stderr
    assert "network/lab is no machine" in kvmctl.run("ssh", "network/lab", code=1).stderr
    assert kvmctl.run("inventory").stdout == "all:\n  hosts: {}\n"


def test_a_console_that_ends_ends_the_command(kvmctl: Any) -> None:
    kvmctl.apply({"vm/web1": "type: qemu, memory: 32MiB, powerState: Running, serials: [{type: pty}]"})
    assert "left the console of vm/web1" in kvmctl.run("console", "vm/web1").stderr  # its standard input is empty


@pytest.mark.guest
def test_guests_are_waited_for(kvmctl: Any, tiny_guest: Any) -> None:
    def machine(name: str, wait: str) -> str:
        return (
            "type: qemu, memory: 256MiB, os: {machine: q35}, powerState: Running, "
            f"disks: [{{target: vda, disk: {name}.qcow2}}], interfaces: [{{network: lab, model: virtio}}], "
            f"channels: [{{type: unix, target: virtio, name: org.qemu.guest_agent.0}}], wait: {{{wait}, timeout: 100s}}"
        )

    source = f"pool: p, format: qcow2, source: {{path: {tiny_guest.disk}, format: qcow2}}"
    kvmctl.apply(
        {
            "pool/p": f"type: dir, path: {FOLDER}/p, active: true",
            "network/lab": "forward: {mode: nat}, active: true, ips: [{address: 192.168.191.1, prefix: 24, "
            "dhcp: {ranges: [{start: 192.168.191.10, end: 192.168.191.99}]}}]",
            "disk/web1.qcow2": source,
            "disk/web2.qcow2": source,
            "vm/web1": machine("web1", "for: agent"),
            "vm/web2": machine("web2", "for: port, port: 80"),
        }
    )
    address = kvmctl.json("get", "vm", "web2")["items"][0]["status"]["addresses"][0]
    assert address.startswith("192.168.191.")


def test_a_seed_is_planned_without_its_host(kvmctl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "w")
    kvmctl.apply(specs("packages: [a]"))
    (kvmctl.folder / "host.json").write_text(kvmctl.run("observe").stdout)
    monkeypatch.delenv("WORD")
    told = kvmctl.run("plan", "--against", "host.json", specs=specs("packages: [b]")).stdout
    assert "-packages: [a]\n        +packages: [b]" in told
    assert "No changes" in kvmctl.run("plan", "--against", "host.json", specs=specs("packages: [a]")).stdout
