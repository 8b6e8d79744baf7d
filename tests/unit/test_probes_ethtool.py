"""The ethtool ioctl against the real kernel, and modules' memory as the standards lay it out."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterctl.agent.probes.ethtool import Ethtool
from clusterctl.agent.probes.module_pages import ModulePages, answer, attribute, attributes, cmis_memory
from clusterctl.agent.probes.optics import Optics, decode
from clusterctl.agent.probes.optics_reader import EVERY_S, VALID_S, OpticsReader
from tests.support.clock import HandClock
from tests.support.ethtool import FakeEthtool, qsfp28, sfp_plus
from tests.support.fuzz_probes import fuzz_netlink, fuzz_optics

ROOT = Path(__file__).resolve().parents[2]
IN_NAMESPACE = """
import json
from clusterctl.agent.probes.ethtool import Ethtool
kernel = Ethtool()
print(json.dumps([kernel.driver("left"), kernel.names("left"), kernel.stats("left"), kernel.module_eeprom("left")]))
"""


def test_names_and_values_of_a_real_driver_belong_together() -> None:
    """veth has statistics on every kernel of ours, among them its peer's index."""
    script = f"ip link add left type veth peer name right && ip link set left up && exec {sys.executable} -c '{IN_NAMESPACE}'"
    done = subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    if done.returncode:
        pytest.skip(f"no veth pair in a network namespace here: {done.stderr.strip()[-200:]}")
    driver, names, values, eeprom = json.loads(done.stdout)
    assert (driver, eeprom) == ("veth", None)
    assert len(names) == len(values)
    assert names[0] == "peer_ifindex"
    assert values[0] > 0
    assert all(name and name == name.strip() for name in names)


@pytest.mark.parametrize("interface", ["lo", "no-such-one", "", "a-name-longer-than-15", "e\udcff0"])
def test_an_interface_without_statistics_has_no_answer(interface: str) -> None:
    kernel = Ethtool()
    assert kernel.names(interface) is None
    assert kernel.stats(interface) is None
    assert kernel.module_eeprom(interface) is None
    kernel.close()


def test_a_socket_that_was_closed_is_not_taken_for_a_silent_driver() -> None:
    kernel = Ethtool()
    kernel.close()
    with pytest.raises((OSError, ValueError)):
        kernel.names("lo")


def test_a_qsfp_module_in_worked_numbers() -> None:
    found = decode(qsfp28(temp_c=38.5, voltage_mv=3_287, rx_uw=(812.3, 790.0, 655.4, 0.0)))
    assert found is not None
    assert (found.temp_c, found.voltage_mv) == (38, 3_287)
    assert found.rx_power_uw == (812.3, 790.0, 655.4, 0.0), "a dark lane is a reading"
    assert found.tx_power_uw == (1_000.0, 1_010.0, 990.0, 1_005.5)
    assert found.bias_ua == (7_200.0, 7_100.0, 7_350.0, 7_000.0)


@pytest.mark.parametrize(("degrees", "told"), [(-5.25, -5), (127.0, 127), (99.75, 100), (-60.0, -60), (-61.0, None)])
def test_temperatures(degrees: float, told: int | None) -> None:
    found = decode(qsfp28(temp_c=degrees))
    assert found is not None
    assert found.temp_c == told


@pytest.mark.parametrize(("memory", "least"), [(qsfp28(), 58), (sfp_plus(), 362), (b"\x19" * 256, 18)])
def test_a_memory_that_was_cut_short_has_no_readings(memory: bytes, least: int) -> None:
    assert decode(memory[: least - 1]) is None
    assert decode(memory[:least]) is not None


def test_an_sfp_module_in_worked_numbers() -> None:
    assert decode(sfp_plus()) == Optics(31, 3_280, (420.0,), (500.0,), (6_000.0,))
    assert decode(sfp_plus(diagnostics=0x50)) is None, "calibrated from outside: raw numbers mean nothing"
    assert decode(sfp_plus(diagnostics=0)) is None, "without monitors"


def test_a_cmis_module_tells_what_its_lower_page_has() -> None:
    memory = bytearray(256)
    memory[0] = 0x19
    struct.pack_into(">hH", memory, 14, 51 * 256, 32_960)
    assert decode(bytes(memory)) == Optics(51, 3_296)


class Pages:
    """A module in memory: `page` numbers that are not there are refused."""

    def __init__(self, pages: dict[int, bytes]) -> None:
        self.pages = pages

    def page(self, page: int) -> bytes | None:
        return self.pages.get(page)


def osfp() -> tuple[bytes, dict[int, bytes]]:
    """An OSFP module with four of eight lanes in use, the third of which is dark; bias in steps of 4 µA."""
    lower, first, lanes = bytearray(128), bytearray(128), bytearray(128)
    lower[0] = 0x19
    struct.pack_into(">hH", lower, 14, 51 * 256, 32_960)
    first[32] = 0b01_000
    struct.pack_into(">4H", lanes, 26, 9_000, 9_100, 9_200, 9_300)
    struct.pack_into(">4H", lanes, 42, 2_000, 2_010, 2_020, 2_030)
    struct.pack_into(">4H", lanes, 58, 7_000, 7_100, 0, 7_300)
    return bytes(lower), {0x00: bytes(128), 0x01: bytes(first), 0x11: bytes(lanes)}


def test_a_cmis_modules_lanes_are_on_a_page_of_their_own() -> None:
    lower, pages = osfp()
    found = decode(cmis_memory(Pages(pages), lower))
    assert found == Optics(51, 3_296, (700.0, 710.0, 0.0, 730.0), (900.0, 910.0, 920.0, 930.0),
                           (8_000.0, 8_040.0, 8_080.0, 8_120.0))  # fmt: skip


def test_a_flat_cmis_module_and_one_that_stops_answering_have_no_lanes() -> None:
    lower, pages = osfp()
    flat = lower[:2] + b"\x80" + lower[3:]
    assert len(cmis_memory(Pages(pages), flat)) == 256
    del pages[0x11]
    assert decode(cmis_memory(Pages(pages), lower)) == Optics(51, 3_296)


def test_the_kernel_knows_the_pages_of_modules_and_loopback_has_none() -> None:
    with ModulePages("lo") as pages:
        release = tuple(int(part) for part in os.uname().release.split(".")[:2])
        if release < (5, 6):
            pytest.skip(f"kernel {release} has no netlink interface to ethtool")
        assert pages.family > 16, "numbers up to 16 are the kernel's own"
        assert pages.lower() is None
        assert pages.page(0x11) is None
    with ModulePages("a-name-longer-than-15") as pages:
        assert pages.lower() is None


def test_an_answer_in_worked_bytes() -> None:
    """Two attributes: number 1, two bytes and padding; number 7 with the nested bit, three bytes."""
    body = attribute(1, b"\x16\x00") + attribute(0x8007, b"abc")
    assert body == b"\x06\x00\x01\x00\x16\x00\0\0" + b"\x07\x00\x07\x80abc\0"
    message = struct.pack("=IHHIIBBH", 20 + len(body), 22, 0, 5, 0, 1, 1, 0) + body
    assert attributes(answer(message, 5) or b"") == {1: b"\x16\x00", 7: b"abc"}
    assert answer(message, 6) is None, "another's answer"
    assert answer(struct.pack("=IHHIIi", 20, 2, 0, 5, 0, -95), 5) is None, "a refusal"
    assert answer(message[:-1], 5) is None, "cut short"


@given(st.binary(max_size=200))
@example(struct.pack("=IHHIIBBH", 24, 22, 0, 1, 0, 1, 1, 0) + b"\x00\x00\x00\x00")
def test_any_netlink_message_is_taken_apart_within_its_bounds(data: bytes) -> None:
    fuzz_netlink(data)


@pytest.mark.parametrize("kind", [0x03, 0x0D, 0x11, 0x18, 0x19, 0x1E, 0x00, 0x77, 0xFF])
@pytest.mark.parametrize("filling", [0x00, 0xFF])
def test_empty_pages_are_no_readings(kind: int, filling: int) -> None:
    assert decode(bytes([kind]) + bytes([filling]) * 511) is None


def test_a_copper_cable_with_a_supply_has_no_light() -> None:
    found = decode(qsfp28(rx_uw=(0,) * 4, tx_uw=(0,) * 4, bias_ua=(0,) * 4))
    assert found is not None
    assert found == Optics(38, 3_300)


def test_a_module_that_is_not_ready_says_nothing() -> None:
    memory = bytearray(qsfp28())
    memory[2] |= 1
    assert decode(bytes(memory)) is None


@given(st.binary(max_size=700))
@example(b"")
@example(b"\x03" * 362)
def test_any_memory_decodes_to_what_its_columns_can_hold(data: bytes) -> None:
    fuzz_optics(data)


@given(st.sampled_from([0x03, 0x11, 0x18]), st.binary(min_size=511, max_size=511))
def test_any_memory_of_a_known_kind_too(kind: int, rest: bytes) -> None:
    fuzz_optics(bytes([kind]) + rest)


class SlowEeprom(FakeEthtool):
    """Answers when told to."""

    def __init__(self) -> None:
        super().__init__(eeprom=qsfp28())
        self.go = threading.Event()
        self.answered = threading.Semaphore(0)

    def module_eeprom(self, interface: str) -> bytes | None:
        self.go.wait(10)
        found = super().module_eeprom(interface)
        self.answered.release()
        return found


def settle(reader: OpticsReader, source: SlowEeprom) -> None:
    """Wait for one read, and for its result to be put down."""
    assert source.answered.acquire(timeout=5)
    reader.close()


def test_a_module_that_does_not_answer_keeps_nobody_waiting() -> None:
    source, clock = SlowEeprom(), HandClock()
    reader = OpticsReader(source, clock)
    reader.want(["eth0"])
    assert reader.latest("eth0") is None
    clock.sleep_s(EVERY_S * 3)
    reader.want(["eth0"])
    assert [thread.name for thread in threading.enumerate()].count("optics") == 1
    source.go.set()
    settle(reader, source)


def test_readings_are_taken_every_ten_minutes_and_run_out() -> None:
    source, clock = SlowEeprom(), HandClock()
    source.go.set()
    reader = OpticsReader(source, clock)
    reader.want(["eth0"])
    assert source.answered.acquire(timeout=5)
    clock.sleep_s(EVERY_S - 1)
    reader.want(["eth0"])
    assert not source.answered.acquire(timeout=0.1), "not due yet"
    found = reader.latest("eth0")
    assert found is not None
    assert found.temp_c == 38
    clock.sleep_s(1)
    reader.want(["eth0"])
    settle(reader, source)
    clock.sleep_s(VALID_S)
    assert reader.latest("eth0") is not None
    clock.sleep_s(1)
    assert reader.latest("eth0") is None, "an old reading is none"
    reader.want([])
    assert reader.latest("eth0") is None


def test_every_interface_of_this_machine_answers_alike() -> None:
    kernel = Ethtool()
    for interface in os.listdir("/sys/class/net"):
        names, values = kernel.names(interface), kernel.stats(interface)
        assert (names is None) == (values is None), interface
        assert len(names or ()) == len(values or ()), interface
    kernel.close()
