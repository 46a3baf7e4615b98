"""All questions in their order; one that fails is reported and hides no other but those that depend on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kvmctl.doctor import folders, kvm, local, objects, remote
from kvmctl.doctor.check import Check, Status, worst
from kvmctl.doctor.patient import Patient
from kvmctl.errors import KvmctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Question(NamedTuple):
    """Something to ask: its name in the report, who answers, and what must have been answered well before."""

    name: str
    ask: Callable[[Patient], Iterable[Check]]
    needs: tuple[str, ...] = ()
    local: bool = False  # it is about the machine where kvmctl runs, and so says nothing of a remote host


LIBVIRT: Final = ("libvirt",)

QUESTIONS: Final = (
    Question("packages", local.packages),
    Question("libvirt-python", local.libvirt_python),
    Question("qemu-img", local.qemu_img),
    Question("libvirt", remote.libvirt, ("libvirt-python",)),
    Question("permission", remote.permission, LIBVIRT),
    Question("qemu", remote.qemu, LIBVIRT),
    Question("kvm", kvm.kvm, local=True),
    Question("uefi", remote.uefi, ("qemu", "permission")),
    Question("tpm", remote.tpm, ("qemu", "permission")),
    Question("dnsmasq", local.dnsmasq, local=True),
    Question("default pool", objects.default_pool, LIBVIRT),
    Question("default network", objects.default_network, LIBVIRT),
    Question("folders", folders.folders, LIBVIRT, local=True),
)


def diagnose(uri: str | None = None) -> list[Check]:
    """Return what was found about the host at a URI (None: libvirt's default), one Check a question or more.

    Never raises for what it finds: whatever goes wrong is a finding. Connects read-only first, and once with
    full rights to see whether the user has them; changes nothing.
    """
    found: list[Check] = []
    with Patient(uri) as patient:
        bad: dict[str, Status] = {}
        for question in QUESTIONS:
            checks = _checks(question, patient, bad)
            if worst(checks) is Status.FAIL or any(check.status is Status.SKIP for check in checks):
                bad[question.name] = worst(checks)
            found += checks
    return found


def _checks(question: Question, patient: Patient, bad: dict[str, Status]) -> list[Check]:
    missing = next((need for need in question.needs if need in bad), "")
    if missing:
        return [Check(question.name, Status.SKIP, f"not asked: {missing} {_ENDED[bad[missing]]}")]
    if question.local and patient.remote_host:
        where = f"not asked: the host is {patient.remote_host}"
        return [Check(question.name, Status.SKIP, where, "run `kvmctl doctor` there")]
    try:
        return list(question.ask(patient))
    except KvmctlError as error:
        return [Check(question.name, Status.FAIL, error.message, error.hint)]
    except Exception as error:  # noqa: BLE001 - one broken thing must not hide the others
        return [Check(question.name, Status.FAIL, f"{type(error).__name__}: {error}")]


_ENDED: Final = {Status.FAIL: "failed", Status.SKIP: "was not asked either"}
