"""`python -m tests.fuzz --inputs N --seed S [--target T]`: throw inputs at the targets; exit 1 if one breaks a promise.

An input that breaks one, or takes longer than a second, is saved and named. `--guided` hands a target to atheris, which
follows the code's branches, where that library is there (`make fuzz` makes an environment with it)."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.mutate import inputs
from tests.fuzz.targets import TARGETS

CRASHES = Path("fuzz-crashes")
SLOW_S = 1.0
MAX_CRASHES = 10
SAY_EVERY_S = 60.0


def attack(name: str, target: Callable[[bytes], None], count: int, seed: int) -> int:
    """Run one target; how many inputs broke it. Stops at `MAX_CRASHES`."""
    crashes = done = 0
    began = said = time.perf_counter()
    for data in inputs(name, seed, count):
        started = time.perf_counter()
        try:
            target(data)
            why = "" if time.perf_counter() - started < SLOW_S else f"took longer than {SLOW_S} s"
        except Exception as error:
            why = f"{type(error).__name__}: {error}"[:300]
        done += 1
        if why:
            crashes += 1
            print(f"{name}: {why} on {saved(name, data)}", flush=True)
            if crashes >= MAX_CRASHES:
                break
        if started - said > SAY_EVERY_S:
            said = started
            print(f"{name}: {done:,} of {count:,}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{name}: {done:,} inputs, {done / seconds:,.0f} inputs/s, {crashes} crashes", flush=True)
    return crashes


def saved(name: str, data: bytes) -> Path:
    """Keep an input, under a name that the same input always gets."""
    CRASHES.mkdir(exist_ok=True)
    path = CRASHES / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


def guided(name: str, count: int, seed: int) -> None:
    """Hand the target to atheris, which ends the process itself."""
    import atheris  # type: ignore[import-not-found]

    corpus = Path(__file__).parent / "corpus" / name
    with atheris.instrument_imports(include=["clusterctl"]):
        target = TARGETS[name]
    atheris.instrument_all()
    grown = Path("fuzz-corpus") / name
    grown.mkdir(parents=True, exist_ok=True)
    options = [sys.argv[0], f"-runs={count}", f"-seed={seed or 1}", "-max_len=8192", str(grown), str(corpus)]
    atheris.Setup(options, target)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="over all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=sorted(TARGETS), help="only this one")
    parser.add_argument("--guided", action="store_true", help="with atheris; needs --target")
    options = parser.parse_args()
    if options.guided:
        if not options.target:
            parser.error("--guided needs --target")
        if importlib.util.find_spec("atheris") is None:
            parser.error("atheris is not installed here; make fuzz makes an environment with it")
        guided(options.target, options.inputs, options.seed)
        return 0
    names = [options.target] if options.target else sorted(TARGETS)
    shares = [options.inputs // len(names) + (n < options.inputs % len(names)) for n in range(len(names))]
    crashes = [attack(name, TARGETS[name], share, options.seed) for name, share in zip(names, shares, strict=True)]
    print(f"all: {options.inputs:,} inputs, {sum(crashes)} crashes")
    return 1 if any(crashes) else 0


if __name__ == "__main__":
    sys.exit(main())
