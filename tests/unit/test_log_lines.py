"""A library's repeated line is told seldom and counted; ours are never held back."""

from __future__ import annotations

import logging
import subprocess
import sys

from clusterctl.log_lines import LIBRARY, REPEATED_AFTER_S, SeldomRepeated
from tests.support.clock import HandClock


def record(name: str, line: int, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "there.py", line, "coordinator of %s is dead", args, None)


def test_a_storm_of_one_line_of_the_library_is_one_line_with_its_count() -> None:
    clock = HandClock()
    seldom = SeldomRepeated(clock)
    passed = [seldom.filter(record(f"{LIBRARY}.coordinator", 7, f"group {number}")) for number in range(10_000)]
    assert passed == [True] + [False] * 9_999
    clock.sleep_s(REPEATED_AFTER_S)
    later = record(f"{LIBRARY}.coordinator", 7, "g")
    assert seldom.filter(later)
    assert later.getMessage() == "coordinator of g is dead (and 9999 such lines before)"
    clock.sleep_s(REPEATED_AFTER_S)
    again = record(f"{LIBRARY}.coordinator", 7, "100%s")
    assert seldom.filter(again)
    assert again.getMessage() == "coordinator of 100%s is dead"


def test_another_line_of_the_library_and_all_of_ours_pass() -> None:
    seldom = SeldomRepeated(HandClock())
    assert seldom.filter(record(LIBRARY, 1, "a"))
    assert seldom.filter(record(LIBRARY, 2, "a"))
    assert all(seldom.filter(record("clusterctl.collector.course", 1, "a")) for _ in range(100))
    assert all(seldom.filter(record("kafkaesque", 1, "a")) for _ in range(100))


def test_an_exit_that_comes_in_a_callback_is_heard_without_a_word() -> None:
    """As when the signal comes while a module is being imported."""
    program = (
        "import os, signal, threading, weakref\n"
        "from clusterctl.commands.common import leave_on_signals\n"
        "stop = threading.Event()\n"
        "leave_on_signals(stop)\n"
        "class Thing: pass\n"
        "thing = Thing()\n"
        "held = weakref.ref(thing, lambda _: (os.kill(os.getpid(), signal.SIGTERM), sum(range(1000))))\n"
        "del thing\n"
        "raise SystemExit(0 if stop.is_set() else 3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
