from __future__ import annotations

from kvmctl.doctor import Check, Status, lines, worst


def test_worst() -> None:
    def checks(*statuses: Status) -> list[Check]:
        return [Check("x", status, "y") for status in statuses]

    assert worst([]) is Status.OK
    assert worst(checks(Status.OK, Status.SKIP)) is Status.SKIP
    assert worst(checks(Status.WARN, Status.SKIP, Status.OK)) is Status.WARN
    assert worst(checks(Status.FAIL, Status.WARN)) is Status.FAIL


def test_lines() -> None:
    checks = [Check("libvirt", Status.OK, "9.0.0"), Check("kvm", Status.WARN, "there is no /dev/kvm", "use qemu")]
    assert lines(checks) == [
        "ok    libvirt  9.0.0",
        "warn  kvm      there is no /dev/kvm",
        "               → use qemu",
    ]
    assert lines([]) == []
