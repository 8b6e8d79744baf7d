"""Download, by package name and once a machine, what the tests run against. `python -m tests.support.fetch` gets all."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
KAFKA_VERSION = "4.1.0"
CLICKHOUSE_VERSION = "26.7.3-stable.1"
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


class Missing(Exception):
    """A tool that the download needs is not on this machine; the text says which."""


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
    _need("java")
    lib = cache() / f"kafka-{KAFKA_VERSION}"
    if not (lib / "complete").exists():
        _need("mvn")
        lib.mkdir(parents=True, exist_ok=True)
        _run(["mvn", "-q", "-B", "-f", str(HERE / "kafka" / "pom.xml"), DEPENDENCY_PLUGIN, f"-DoutputDirectory={lib}"])
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


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    for fetch in (kafka_jars, clickhouse_library):
        try:
            print(fetch())
        except Missing as missing:
            print(f"{fetch.__name__}: {missing}")
