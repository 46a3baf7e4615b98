"""What a host lacks for kvmctl, and how to mend it; every question is asked, however many are answered badly.

checks = diagnose("qemu:///system")
healthy = worst(checks) is not Status.FAIL
"""

from kvmctl.doctor.check import Check, Status, lines, worst
from kvmctl.doctor.rounds import diagnose

__all__ = ["Check", "Status", "diagnose", "lines", "worst"]
