"""Every line of tests/unit/data/kmsg_lines.tsv means what stands beside it: kind, code, address, pid, process, details."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clusterctl.agent.kmsg.files import read_lines
from clusterctl.agent.kmsg.grammar import RULES, parse
from clusterctl.agent.kmsg.nvlink5 import subcode_v1, subcode_v2
from clusterctl.agent.kmsg.parsed import PCI_FORM, Parsed, address, requester

FILE = Path(__file__).parent / "data" / "kmsg_lines.tsv"
LINES = [line.split("\t", 6) for line in FILE.read_text(encoding="utf-8").split("\n") if line and line[0] != "#"]


@pytest.mark.parametrize("cells", LINES, ids=lambda cells: cells[6][:70])
def test_a_line_says_what_it_says(cells: list[str]) -> None:
    kind, code, pci, pid, process, fields, line = cells
    text = line.replace("\\n", "\n")
    found = parse(text) or Parsed("other", "", "info")
    assert (found.kind, found.code, found.pci, found.process) == (kind, code, pci, process)
    assert found.pid == (int(pid) if pid else None)
    wanted = json.loads(fields or "{}")
    assert {name: found.fields.get(name) for name in wanted} == wanted
    assert not found.pci or PCI_FORM.fullmatch(found.pci)


def test_every_outcome_of_every_rule_has_a_line() -> None:
    seen = {(cells[0], cells[1]) for cells in LINES}
    promised = {(rule.kind, code) for rule in RULES for code, _ in rule.outcomes.values()}
    assert promised - seen == {("cxl", "corrected"), ("cxl", "uncorrectable_nonfatal"), ("ghes", "info")}


def test_three_lines_of_a_file_are_one_event() -> None:
    for prefix in ("[ 1843.308145] ", "Jan  8 09:14:55 host kernel: ", ""):
        lines = [
            prefix + "NVRM: Xid (PCI:0000:4e:00): 43, Ch 00000001",
            prefix + "NVRM: The NVIDIA GPU 0000:b3:00.0 (PCI ID: 10de:26b5)",
            prefix + "NVRM: installed in this system has",
            prefix + "NVRM: fallen off the bus and is not responding to commands.",
            prefix + "NVRM: fallen off the bus and is not responding to commands.",
        ]
        found = [parse(line.text) for line in read_lines(lines, 0)]
        assert [(p.kind, p.pci) if p else None for p in found] == [
            ("xid", "0000:4e:00.0"), None, None, ("gpu_off_bus", "0000:b3:00.0"), ("gpu_off_bus", "")]  # fmt: skip


def test_another_message_with_the_same_beginning_is_none() -> None:
    lines = ["NVRM: The NVIDIA GPU 0000:b3:00.0 (PCI ID: 10de:26b5)", "NVRM: installed in this system is not supported by the",
             "NVRM: NVIDIA driver.", "NVRM: GPU 0000:b4:00.0: GPU has fallen off the bus."]  # fmt: skip
    found = [parse(line.text) for line in read_lines(lines, 0)]
    assert [p and p.pci for p in found] == [None, None, None, "0000:b4:00.0"]


def test_addresses_have_one_form() -> None:
    assert address("0000ABCD:1B:00") == "abcd:1b:00.0"
    assert address("10000:e1:00.3") == "10000:e1:00.3", "a domain of a volume management device has five digits"
    assert requester(0x00DA) == "0000:00:1b.2"
    assert requester(0x80FF, "0001") == "0001:80:1f.7"


def test_subcodes_of_nvlink_records() -> None:
    """0x0210c5c6 is binary 10 0001 0000 1100 0101 1100 0110: bits 9 to 5 are 01110, bits 6 to 0 are 1000110."""
    assert (subcode_v1(0x0210C5C6), subcode_v2(0x0210C5C6)) == (0b01110, 0b1000110)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("NVRM: Xid (PCI:0000:4e:00): 43, Ch 1", "fail"),
        ("x: SXid (PCI:0000:8b:00.0): 12022, Fatal, Link 37 a", "fail"),
        ("x: SXid (PCI:0000:8b:00.0): 12022, Non-fatal, Link 37 a", "warn"),
        ("pcieport 0000:00:03.0: AER: Uncorrected (Non-Fatal) error received: 0000:00:03.0", "warn"),
        ("pcieport 0000:00:03.0: AER: Uncorrected (Fatal) error received: 0000:00:03.0", "fail"),
        ("Killed process 1 (a) total-vm", "warn"),
        ("NVRM: GPU at PCI:0000:c4:00: GPU-0f5e2a10-7c44-4b1d-9a63-5e2f8c01d7ab", "info"),
    ],
)
def test_fail_is_for_what_takes_something_away(text: str, severity: str) -> None:
    found = parse(text)
    assert found is not None
    assert found.severity == severity


def test_a_line_that_is_very_long_costs_little() -> None:
    import time

    hostile = ["NVRM: Xid (PCI:0000:4e:00): 13, pid=1, name=" + "a," * 5_000, "mlx5_core 0000:2a:00.0 " * 500 + "Port: Link ",
               "Slot(" * 2_000, "segfault at " * 900, "Killed process " * 700, "AER: Multiple received " * 400,
               "oom-kill:constraint=a" + ",task=" * 1_500, "task " * 2_000 + "blocked for more than", "eth0 ink " * 1_200,
               "Z x: y] " * 500 + "[1]: segfault at "]  # fmt: skip
    for text in hostile:
        began = time.perf_counter()
        parse(text)
        assert time.perf_counter() - began < 0.2, text[:40]
