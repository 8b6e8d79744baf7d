"""Runs in a child process beside the fake NVML: a few names for short scripts, and their answers as JSON.

`say` replaces the scenario and waits until calls see it. `ask` gives a value, or `code N` where NVML refuses.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from ctypes import byref
from pathlib import Path
from typing import Any

import pynvml as n

SEEN_AFTER_S = 0.02


def say(*lines: str) -> None:
    path = Path(os.environ["FAKE_NVML_SCENARIO"])
    fresh = path.with_name("scenario.fresh")
    fresh.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    os.replace(fresh, path)
    time.sleep(SEEN_AFTER_S)


def ask(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except n.NVMLError as error:
        return f"code {error.value}"


def gpu(index: int = 0) -> Any:
    return n.nvmlDeviceGetHandleByIndex(index)


def fields(handle: Any, *ids: int | tuple[int, int]) -> list[Any]:
    """Value of each field by its own type, or its code."""
    members = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
    answers = ask(n.nvmlDeviceGetFieldValues, handle, list(ids))
    if isinstance(answers, str):
        return [answers]
    return [f"code {a.nvmlReturn}" if a.nvmlReturn else getattr(a.value, members[a.valueType]) for a in answers]


def timed(call: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """The answer and the seconds it took."""
    began = time.monotonic()
    return ask(call, *arguments), time.monotonic() - began


def main() -> None:
    if "closed" not in sys.argv[2:]:
        n.nvmlInit()
    names: dict[str, Any] = {"n": n, "say": say, "ask": ask, "gpu": gpu, "fields": fields, "timed": timed,
                             "time": time, "threading": threading, "byref": byref}  # fmt: skip
    exec(sys.argv[1], names)
    print(json.dumps(names["out"], default=bytes.decode))


if __name__ == "__main__":
    main()
