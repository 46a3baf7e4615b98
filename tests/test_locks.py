"""The lock on a host: one apply at a time, on real libvirt; who has it, who waits, who takes it, and who is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from kvmctl.lock import Holder, Lock, parse, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 30
IMAGES = "/var/lib/libvirt/images"
POOL = {"pool/p": f"type: dir, path: {IMAGES}/p"}
HOLDING = """
import os, sys, threading
from kvmctl.hypervisor import Hypervisor
from kvmctl.lock import Lock
with Hypervisor.open(None, readonly=False) as hypervisor, Lock(hypervisor, "kvmctl apply", threading.Event()) as lock:
    assert lock.take() is None
    print(os.getpid(), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def hypervisor(sandbox: Any) -> Iterator[Any]:
    """A connection of kvmctl's from outside the sandbox; to what runs inside, this process is on another machine."""
    from kvmctl.hypervisor import Hypervisor

    with Hypervisor.open(sandbox.uri, readonly=False, events=True) as opened:
        yield opened


@pytest.fixture
def another(sandbox: Any) -> Iterator[Any]:
    """A second connection like that."""
    from kvmctl.hypervisor import Hypervisor

    with Hypervisor.open(sandbox.uri, readonly=False, events=True) as opened:
        yield opened


@pytest.fixture
def holding(sandbox: Any) -> Callable[[], Any]:
    """A context in which a process inside the sandbox has the lock; it gives the process's number there."""

    @contextmanager
    def held() -> Iterator[str]:
        argv = sandbox.inside_argv([sys.executable, "-c", HOLDING])
        process = subprocess.Popen(
            argv, env=sandbox.inside_env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            yield process.stdout.readline().strip()

    return held


def locks(conn: Any) -> list[str]:
    """Return the UUIDs of the locks on a host."""
    return [each.UUIDString() for each in conn.listAllSecrets() if each.usageID() == "kvmctl.lock"]


def test_an_apply_while_another_has_the_lock(kvmctl: Any, conn: Any, holding: Any) -> None:
    with holding():
        told = kvmctl.run("apply", "--yes", specs=POOL, code=3)
        assert "nothing was changed: this host is locked by " in told.stderr
        assert "(kvmctl apply, process " in told.stderr
        assert " UTC; wait for it with --lock-timeout 10m, or take the lock away with kvmctl unlock" in told.stderr
        assert kvmctl.json("apply", "--yes", specs=POOL, code=3)["summary"]["create"] == 1
        late = kvmctl.run("apply", "--yes", "--lock-timeout", "1s", specs=POOL, code=3)
        assert "kvmctl: waiting for " in late.stderr
        assert "this host is locked by" in late.stderr
    assert conn.listAllStoragePools() == []
    kvmctl.apply(POOL)
    assert locks(conn) == []


def test_what_deletes_and_reverts_heeds_the_lock(kvmctl: Any, conn: Any, holding: Any) -> None:
    disks = "disks: [{target: vda, disk: root, bus: virtio}]"
    machine = {"vm/web": f"type: qemu, memory: 64MiB, {disks}, snapshots: [{{name: before}}]"}
    kvmctl.apply(POOL | {"disk/root": "pool: p, format: qcow2, size: 1MiB"} | machine)
    with holding():
        assert "locked by" in kvmctl.run("delete", "vm/web", "--yes", "--allow-data-loss", code=3).stderr
        told = kvmctl.run("revert", "vm/web@before", "--yes", "--allow-data-loss", code=3)
        assert "locked by" in told.stderr
    assert [each.name() for each in conn.listAllDomains()] == ["web"]
    kvmctl.run("revert", "vm/web@before", "--yes", "--allow-data-loss")
    kvmctl.run("delete", "vm/web", "--yes", "--allow-data-loss")
    assert conn.listAllDomains() == []
    assert locks(conn) == []


def test_what_changes_nothing_needs_no_lock(kvmctl: Any, holding: Any) -> None:
    kvmctl.apply(POOL)
    with holding():
        assert "No changes" in kvmctl.run("apply", "--yes", specs=POOL).stdout
        kvmctl.run("plan", "--detailed-exitcode", specs=POOL)
        kvmctl.run("drift", specs=POOL)


def test_who_waits_goes_on_when_the_lock_is_free_and_looks_at_the_host_anew(
    kvmctl: Any, hypervisor: Any, sandbox: Any, conn: Any
) -> None:
    argv = kvmctl.argv("apply", "--yes", "--lock-timeout", "60", "-f", kvmctl.write(POOL))
    with Lock(hypervisor, "kvmctl apply", threading.Event()) as lock:
        assert lock.take() is None
        waiting = subprocess.Popen(
            sandbox.inside_argv(argv, cwd=str(kvmctl.folder)), env=sandbox.inside_env(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert waiting.stderr is not None
        assert (
            f"waiting for {Holder.here('', 0).who} (kvmctl apply, process {os.getpid()})" in waiting.stderr.readline()
        )
        sandbox.run(["mkdir", f"{IMAGES}/p"])
        conn.storagePoolDefineXML(f"<pool type='dir'><name>p</name><target><path>{IMAGES}/p</path></target></pool>")
    out, err = waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == 0, err
    assert "No changes" in out
    assert locks(conn) == []


def test_a_killed_holder_leaves_a_lock_that_is_taken_at_once(
    kvmctl: Any, sandbox: Any, conn: Any, holding: Any
) -> None:
    with holding() as number:
        assert sandbox.run(["kill", "-KILL", number]).returncode == 0
    told = kvmctl.run("unlock", code=3)
    assert ", who is gone." in told.stdout
    told = kvmctl.run("apply", "--yes", specs=POOL)
    assert "kvmctl: took the lock that " in told.stderr
    assert locks(conn) == []


def test_a_holder_elsewhere_is_gone_when_its_time_is_over(hypervisor: Any) -> None:
    other = Holder.here("kvmctl apply", 0)._replace(machine="another boot", who="ann@far")
    uuid = hypervisor.define_lock(serialize(other._replace(until=time.time() + SECONDS)))
    lock = Lock(hypervisor, "kvmctl apply", threading.Event())
    kept = lock.take()
    assert kept is not None
    assert (kept.uuid, str(parse(kept.text))[:7]) == (uuid, "ann@far")
    assert hypervisor.redefine_lock(uuid, serialize(other._replace(until=time.time() - 1)))
    with lock:
        assert lock.take() is None
        assert [each.uuid for each in lock.stale] == [uuid]
    assert hypervisor.read_lock() is None


def test_one_number_of_a_process_in_two_namespaces_is_two_processes(kvmctl: Any, hypervisor: Any) -> None:
    """This process's number means nothing inside the sandbox: whether it lives can't be seen from there."""
    with Lock(hypervisor, "kvmctl apply", threading.Event()) as lock:
        assert lock.take() is None
        assert f"process {os.getpid()}" in kvmctl.run("apply", "--yes", specs=POOL, code=3).stderr


def test_a_holder_lives_as_long_as_its_process(hypervisor: Any) -> None:
    here = Holder.here("kvmctl apply", 0)
    assert not here.is_gone, "whatever the clock says: the process can be seen"
    assert here._replace(began=here.began + 1).is_gone, "another process got its number"
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert here._replace(pid=ended.pid).is_gone, "nobody has waited for it yet"
    ended.wait()
    assert here._replace(pid=ended.pid).is_gone
    del hypervisor


def test_a_lock_is_renewed(hypervisor: Any, another: Any) -> None:
    news = threading.Event()
    with another.hearing_of_secrets(news), Lock(hypervisor, "kvmctl apply", threading.Event(), 1.0) as lock:
        assert lock.take() is None
        first = until = parse(hypervisor.read_lock().text).until  # type: ignore[union-attr]
        while until == first:
            assert news.wait(SECONDS)
            news.clear()
            until = parse(hypervisor.read_lock().text).until  # type: ignore[union-attr]
        assert until > first
        assert not lock.is_lost


@pytest.mark.parametrize("again", [False, True], ids=["taken-away", "taken-over"])
def test_a_lock_that_is_lost_stops_who_had_it(hypervisor: Any, again: bool) -> None:
    stop = threading.Event()
    with Lock(hypervisor, "kvmctl apply", stop) as lock:
        assert lock.take() is None
        assert hypervisor.remove_lock(hypervisor.read_lock().uuid)
        other = hypervisor.define_lock("another's") if again else ""
        assert stop.wait(SECONDS)
        assert lock.is_lost
    assert (hypervisor.read_lock().uuid if again else "") == other


def test_losing_the_lock_in_an_apply(kvmctl: Any, sandbox: Any, conn: Any, web_inside: Any, tmp_path: Any) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def gate(_sent: int) -> None:
        reached.set()
        assert go_on.wait(SECONDS)

    web_inside.files["/a.raw"], web_inside.gate = b"image".ljust(1 << 20, b"\0"), gate
    specs = POOL | {
        "disk/a": f"pool: p, format: raw, source: {{url: '{web_inside.url('/a.raw')}', format: raw}}",
        "vm/m": "type: qemu, memory: 64MiB, disks: [{target: vda, disk: a, bus: virtio}]",
    }
    argv = kvmctl.argv("apply", "--yes", "-o", "json", "-f", kvmctl.write(specs))
    working = subprocess.Popen(
        sandbox.inside_argv(argv), env=sandbox.inside_env({"XDG_CACHE_HOME": str(tmp_path)}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reached.wait(SECONDS)
    told = kvmctl.run("unlock", "--yes").stdout
    assert "This host is locked by " in told
    assert "The lock was taken away." in told
    assert locks(conn) == []
    go_on.set()
    out, err = working.communicate(timeout=SECONDS)
    assert working.returncode == 4, err
    ends = {each["address"]: each["status"] for each in json.loads(out)["actions"]}
    assert ends["pool/p"] == "done"
    assert ends["vm/m"] == "skipped"
    assert "the lock on this host was taken away meanwhile; no action began after that" in err
    web_inside.gate = lambda _sent: None
    kvmctl.apply(specs)


def test_unlocking_asks(kvmctl: Any, hypervisor: Any) -> None:
    assert "Nobody has locked this host." in kvmctl.run("unlock").stdout
    with Lock(hypervisor, "kvmctl apply", threading.Event()) as lock:
        assert lock.take() is None
        told = kvmctl.run("unlock", code=3)
        assert f"locked by {Holder.here('', 0).who} (kvmctl apply, process {os.getpid()}), since " in told.stdout
        assert "the lock stays" in told.stderr
        assert not lock.is_lost


def test_a_lock_of_a_later_version_holds(kvmctl: Any, hypervisor: Any, conn: Any) -> None:
    hypervisor.define_lock('{"version": 99}')
    assert "whose version of kvmctl this one doesn't know" in kvmctl.run("apply", "--yes", specs=POOL, code=3).stderr
    kvmctl.run("unlock", "--yes")
    assert locks(conn) == []


def test_the_lock_is_no_secret_of_the_users(kvmctl: Any, hypervisor: Any) -> None:
    hypervisor.define_lock("somebody")
    assert kvmctl.json("get", "--all")["items"] == []
    assert json.loads(kvmctl.run("observe").stdout)["secrets"] == []
    told = kvmctl.run("validate", specs={"secret/kvmctl.lock": "usage: {type: tls, name: kvmctl.lock}"}, code=1)
    assert "kvmctl.lock is kvmctl's own lock on the host" in told.stderr


def test_a_duration_that_is_none(kvmctl: Any) -> None:
    assert "'soon' is not a duration" in kvmctl.run("apply", "--lock-timeout", "soon", specs=POOL, code=1).stderr
