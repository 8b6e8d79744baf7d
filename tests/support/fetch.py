"""Download, by package name and once a machine, what the tests run against. `python -m tests.support.fetch` gets all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
KAFKA_VERSION = "4.1.0"
ZOOKEEPER_VERSION = "3.9.4"
CLICKHOUSE_VERSION = "26.7.3-stable.1"
TORCH_VERSION = "2.15.0"
BESIDE_TORCH = ("numpy", "msgspec", "typer", "rich")
"""What `clusterctl comm summarize` takes, in the job's own environment."""
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


REQUIRED = set(filter(None, os.environ.get("CLUSTERCTL_TEST_REQUIRE", "").split(",")))
"""Where the servers must run: there a missing tool fails instead of skipping."""


class Missing(Exception):
    """A tool that the download needs is not on this machine; the text says which."""


def unavailable(name: str, reason: str) -> None:
    """Skip the test, or fail it where it must run."""
    import pytest

    if name in REQUIRED:
        pytest.fail(f"{name} tests must run here: {reason}")
    pytest.skip(f"no {name}: {reason}")


def cache() -> Path:
    """Outside the checkout, so that clones share it."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "clusterctl-tests"


def _need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            raise Missing(f"{tool} is not installed")


def kafka_jars() -> Path:
    """The folder of Kafka's jars."""
    return _jars("kafka", KAFKA_VERSION)


def zookeeper_jars() -> Path:
    """The folder of ZooKeeper's jars."""
    return _jars("zookeeper", ZOOKEEPER_VERSION)


def _jars(name: str, version: str) -> Path:
    """What the project file in the folder of that name asks for."""
    _need("java")
    lib = cache() / f"{name}-{version}"
    if not (lib / "complete").exists():
        _need("mvn")
        lib.mkdir(parents=True, exist_ok=True)
        _run(["mvn", "-q", "-B", "-f", str(HERE / name / "pom.xml"), DEPENDENCY_PLUGIN, f"-DoutputDirectory={lib}"])
        (lib / "complete").touch()
    return lib


def clickhouse_library() -> Path:
    """The shared library that holds the ClickHouse engine."""
    home = cache() / f"clickhouse-{CLICKHOUSE_VERSION}"
    library = home / "node_modules" / "@chdb" / "lib-linux-x64-gnu" / "libchdb.so"
    if not (home / "complete").exists():
        _need("npm")
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "clickhouse" / "package.json", home / "package.json")
        _run(["npm", "install", "--prefix", str(home), "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        (home / "complete").touch()
    return library


def torch_python() -> Path:
    """An interpreter that has PyTorch: $CLUSTERCTL_TEST_TORCH, else that of an environment made here, if the tests must run.
    Where pip finds builds for the CPU alone, one of them is taken; else it brings all of CUDA."""
    given = os.environ.get("CLUSTERCTL_TEST_TORCH", "")
    if given:
        return Path(given)
    if "torch" not in REQUIRED:
        raise Missing(
            "PyTorch as most indexes have it brings CUDA, 5 GB on disk: CLUSTERCTL_TEST_REQUIRE=torch installs it, "
            "CLUSTERCTL_TEST_TORCH=PYTHON takes an interpreter that has it"
        )
    home = cache() / f"torch-{TORCH_VERSION}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        _run([sys.executable, "-m", "venv", str(home)])
        install = [str(python), "-m", "pip", "install", "-q"]
        try:
            _run([*install, f"torch=={TORCH_VERSION}+cpu"])
        except RuntimeError:
            _run([*install, f"torch=={TORCH_VERSION}"])
        _run([*install, *BESIDE_TORCH])
        (home / "complete").touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    for fetch in (kafka_jars, zookeeper_jars, clickhouse_library):
        try:
            print(fetch())
        except Missing as missing:
            print(f"{fetch.__name__}: {missing}")
