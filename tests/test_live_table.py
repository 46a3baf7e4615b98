"""The README's table of what is live: made of the rows, and each line of it proven on a booted guest."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from kvmctl.live import LiveCall, When
from kvmctl.live_table import lines, table
from kvmctl.plan.live_when import _HOLDS
from kvmctl.plan.vm_live import _CALLS

TESTS = Path(__file__).resolve().parent
README = TESTS.parent / "README.md"
END = "<!-- end of the table -->\n"
HEAD = "--regenerate writes it anew. -->\n"

# For each line of the table the test that makes the change in a booted guest.
PROOFS = {
    "autostart": "test_live_tuning.py::test_words_and_the_start_with_the_host",
    "desc": "test_live_tuning.py::test_words_and_the_start_with_the_host",
    "setvcpus": "test_live_tuning.py::test_fewer_cpus_by_the_agent",
    "setmem": "test_live_tuning.py::test_the_balloon_moves",
    "schedinfo": "test_live_tuning.py::test_shares_and_quotas",
    "memtune": "test_live_tuning.py::test_limits_of_memory",
    "blkiotune": "test_live_tuning.py::test_weights_and_limits_of_block_devices",
    "numatune": "test_live_tuning.py::test_nodes_of_the_host",
    "vcpupin": "test_live_tuning.py::test_pins",
    "emulatorpin": "test_live_tuning.py::test_pins",
    "iothreadpin": "test_live_tuning.py::test_pins",
    "iothreadadd": "test_live_tuning.py::test_threads_come_and_go",
    "iothreadadd iothreadids": "test_live_tuning.py::test_threads_come_and_go",
    "blkdeviotune disks": "test_live_tuning.py::test_throttles_of_a_disk",
    "domiftune interfaces": "test_live_tuning.py::test_limits_of_traffic",
    "attach-device disks": "test_apply_running.py::test_devices_come_and_go_in_a_running_guest",
    "attach-device interfaces": "test_apply_running.py::test_devices_come_and_go_in_a_running_guest",
    "change-media disks": "test_live_devices.py::test_media",
    "attach-device hostdevs": "test_live_plugging.py::test_a_device_of_the_host_that_is_not_there",
    "attach-device memoryDevices": "test_live_plugging.py::test_modules_of_memory",
    "attach-device channels": "test_live_plugging.py::test_channels",
    "attach-device inputs": "test_live_plugging.py::test_inputs",
    "attach-device rngs": "test_live_plugging.py::test_random_numbers",
    "attach-device watchdogs": "test_live_plugging.py::test_watchdogs",
    "attach-device shmems": "test_live_plugging.py::test_memory_shared_with_other_machines",
    "attach-device redirdevs": "test_live_plugging.py::test_ports_for_the_viewers_devices",
    "update-device memoryDevices": "test_live_plugging.py::test_memory_that_comes_in_blocks",
    "update-device graphics": "test_graphics_passwords.py::test_a_running_guest_asks_for_the_new_password",
    "update-device interfaces": "test_live_devices.py::test_cable_network_and_filter",
}


def test_the_readme_has_the_table(request: pytest.FixtureRequest) -> None:
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(HEAD)
    kept, _, tail = rest.partition(END)
    assert tail, "the marks of the table are missing"
    if request.config.getoption("--regenerate"):
        README.write_text(f"{head}{HEAD}{table()}{END}{tail}", encoding="utf-8")
    else:
        assert kept == table(), "run pytest tests/test_live_table.py --regenerate"


@pytest.mark.parametrize("key", [line.key for line in lines()])
def test_each_line_is_proven_on_a_booted_guest(key: str) -> None:
    assert key in PROOFS, f"write a test that makes the change in a booted guest, and name it here: {key}"
    file, _, name = PROOFS[key].partition("::")
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    tests = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    assert name in tests, PROOFS[key]
    marks = [*tests[name].decorator_list, *(each.value for each in tree.body if isinstance(each, ast.Assign))]
    assert any(ast.unparse(mark) == "pytest.mark.guest" for mark in marks), f"{PROOFS[key]} boots no guest"


def test_nothing_is_proven_that_is_not_in_the_table() -> None:
    assert PROOFS.keys() <= {line.key for line in lines()}


def test_every_call_and_condition_is_known_to_the_planner() -> None:
    in_table = {line.call for line in lines()}
    assert in_table == set(LiveCall)
    assert in_table - _CALLS.keys() == {LiveCall.AUTOSTART}, "autostart is planned where machines are"
    assert _HOLDS.keys() == set(When)
