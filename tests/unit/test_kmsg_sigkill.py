"""A real follower in a real process, killed with SIGKILL again and again while the log grows: every line counts once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLLOW = """
import os, sys, threading
from pathlib import Path
import msgspec
from clusterctl.agent.kmsg.follow import LogFollower
from clusterctl.clock import SystemClock

log, state, out = map(Path, sys.argv[1:])
sink = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def put(rows):
    os.write(sink, b"".join(msgspec.json.encode(row) + b"\\n" for row in rows))
LogFollower(log, state, SystemClock(), "boot", any_facility=False, put=put, resolve=lambda row: row).run(threading.Event())
"""


def rows_by_key(out: Path) -> Counter[str]:
    """Counts by code; the last row of a key replaces the ones before it, a torn one was never put."""
    rows = {}
    for line in out.read_bytes().split(b"\n")[:-1]:
        ts, _, count, kind, code, _, source, seq, *_ = json.loads(line)
        rows[ts, source, seq, kind, code] = count
    counted: Counter[str] = Counter()
    for (_, _, _, _, code), count in rows.items():
        counted[code] += count
    return counted


def test_every_line_counts_once_however_often_it_is_killed(tmp_path: Path) -> None:
    draw = random.Random(1)
    log, out = tmp_path / "kern.log", tmp_path / "rows"
    log.touch()
    command = [sys.executable, "-c", FOLLOW, str(log), str(tmp_path / "state.json"), str(out)]
    written: Counter[str] = Counter()
    for _ in range(8):
        process = subprocess.Popen(command, cwd=ROOT)
        until = time.monotonic() + 0.3 + draw.random()
        while time.monotonic() < until:
            with log.open("a") as file:
                for _ in range(draw.choice((1, 5, 200))):
                    code = draw.choice(("31", "45", "79"))
                    written[code] += 1
                    file.write(f"[{time.monotonic():12.6f}] NVRM: Xid (PCI:0000:4e:00): {code}, x\n")
            time.sleep(draw.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = subprocess.Popen(command, cwd=ROOT)
    try:
        began = time.monotonic()
        while time.monotonic() - began < 20 and (not out.exists() or rows_by_key(out) != written):
            time.sleep(0.1)
    finally:
        last.kill()
        last.wait()
    assert rows_by_key(out) == written
