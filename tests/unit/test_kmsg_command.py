"""`clusterctl kmsg parse` as a person runs it: a process, its output, its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KEYS = ["line", "kind", "code", "pci", "pid", "process", "severity", "fields", "text"]
XID = "NVRM: Xid (PCI:0000:4e:00): 43, pid=12, name=a b, Ch 00000001"
LOST = ["NVRM: The NVIDIA GPU 0000:e1:00.0", "NVRM: (PCI ID: 10de:2330) installed in this system has",
        "NVRM: fallen off the bus and is not responding to commands."]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "clusterctl.cli", "kmsg", "parse", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=False, cwd=ROOT, timeout=60)


def parsed(data: str | bytes, *arguments: str) -> list[dict[str, Any]]:
    done = run("-", *arguments, data=data if isinstance(data, bytes) else data.encode())
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.isascii(), "everything else is escaped"
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_one_object_a_line_with_the_keys_in_order(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(
        f"[ 1.000000] hello\n[ 2.000000] {XID}\n\n12,5,6,-;{XID}\n3,6,7,-;Killed process 7 (x\\x1b[1m) total-vm:1kB\n"
    )
    done = run(str(file))
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [list(item) for item in objects] == [KEYS, KEYS]
    assert objects[0] == {
        "line": 2, "kind": "xid", "code": "43", "pci": "0000:4e:00.0", "pid": 12, "process": "a b", "severity": "fail",
        "fields": {"channel": "0x1"}, "text": f"[ 2.000000] {XID}"}  # fmt: skip
    assert (objects[1]["line"], objects[1]["pci"], objects[1]["process"]) == (5, "", "x\x1b[1m")


def test_exit_codes(tmp_path: Path) -> None:
    assert run("-", data=b"nothing\n").returncode == 0
    assert run("-", data=b"Killed process 7 (x) total-vm:1kB\n").returncode == 0, "a warning is no failure"
    assert run("-", data=XID.encode()).returncode == 1, "without a line break too"
    for path in (str(tmp_path / "none"), str(tmp_path), "a\0b"[:1] + "/none"):
        done = run(path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout


def test_what_is_not_known_is_printed_on_demand() -> None:
    assert parsed("hello\n") == []
    assert [(item["kind"], item["pid"], item["text"]) for item in parsed("  hello\t\n", "--all")] == [
        ("other", None, "  hello\t")
    ]


@pytest.mark.parametrize(
    "line",
    [
        f"12,5,6,-;{XID}", f"Jan  8 09:14:55 host bash[77]: {XID}", f"user  :warn  : [ 1.000000] {XID}", f"<14>{XID}",
        f"2026-06-01T10:00:00.123+02:00 host bash[77]: {XID}", f"Mär  8 09:14:55 host kernel[77]: {XID}",
        f"10.1.2.3: user: warning: [2025-06-02T11:20:09Z]: {XID}", json.dumps({"MESSAGE": XID, "_TRANSPORT": "syslog"}),
    ],
)  # fmt: skip
def test_user_space_is_not_believed(line: str) -> None:
    assert parsed(line) == []
    assert [item["kind"] for item in parsed(line, "--any-facility")] == ["xid"]


def test_one_message_in_every_format() -> None:
    message = "\n".join(LOST)
    escaped = message.replace("\n", "\\x0a")
    binary = len(message).to_bytes(8, "little")
    kernel = b"__CURSOR=a\n_TRANSPORT=kernel\n"
    for data in (
        f"3,771,50120993,-;{escaped}\n SUBSYSTEM=pci\n".encode(),
        "".join(f"[ 5.000000] {line}\n" for line in LOST).encode(),
        "".join(f"Jan  8 09:14:55 host kernel: {line}\n" for line in LOST).encode(),
        json.dumps({"MESSAGE": message, "_TRANSPORT": "kernel"}).encode(),
        json.dumps({"MESSAGE": list(message.encode()), "_TRANSPORT": "kernel"}).encode(),
        "\n".join(json.dumps({"MESSAGE": line, "_TRANSPORT": "kernel"}) for line in LOST).encode(),
        kernel + b"MESSAGE\n" + binary + message.encode() + b"\nPRIORITY=3\n\n",
        b"\n".join(kernel + b"MESSAGE=" + line.encode() + b"\n" for line in LOST),
    ):
        assert [(item["kind"], item["pci"]) for item in parsed(data)] == [("gpu_off_bus", "0000:e1:00.0")], data


def test_an_export_value_may_have_a_length_that_looks_like_a_line_break() -> None:
    message = ("\n" + XID).ljust(0x0A0A, "x")
    data = b"__CURSOR=a\nMESSAGE\n" + len(message).to_bytes(8, "little") + message.encode() + b"\n_TRANSPORT=kernel\n\n"
    assert [item["kind"] for item in parsed(data * 3)] == ["xid"] * 3


def test_any_bytes_are_tolerated_and_text_is_bounded() -> None:
    objects = parsed(bytes(range(256)) * 20 + b"\n" + XID.encode() + b" \xff\x00\x1b" + b"y" * 5_000 + b"\n", "--all")
    assert all(len(item["text"]) <= 1_024 for item in objects)
    assert objects[-1]["kind"] == "xid"
    assert len(objects[-1]["text"]) == 1_024


def test_a_broken_pipe_ends_quietly() -> None:
    command = [sys.executable, "-m", "clusterctl.cli", "kmsg", "parse", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(f"{XID}\n".encode())
        assert process.stdout.readline(), "a pipe is read as it grows"
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            for _ in range(2_000):
                process.stdin.write(f"{XID}\n".encode())
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1, "what it found it found"


def test_a_line_without_an_end_takes_no_memory() -> None:
    code = (
        "import resource, subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'clusterctl.cli', 'kmsg', 'parse', '-'],"
        " stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)\n"
        "for _ in range(200): p.stdin.write(b'x' * 1_000_000)\n"
        "p.stdin.close(); p.wait(); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ
    )
    assert int(done.stdout) < 100_000, "kB"
