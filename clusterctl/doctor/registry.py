"""How a check is declared: once, by a decorator on the function that judges. Its docstring is its line in docs/doctor.md."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from clusterctl.config import Config
from clusterctl.doctor.finding import Finding
from clusterctl.doctor.patient import Patient

Facts = TypeVar("Facts")
Judge = Callable[[Facts, Config], Iterable[Finding]]


class Needs(enum.Enum):
    """What must answer before a check makes sense. The value is how people call it."""

    NOTHING = "nothing"
    BROKER = "the broker"
    STORE = "the store"


@dataclass(frozen=True, eq=False)
class Check:
    """One check. `opens` names what it tells about: when its findings are all failures, those that need it are not asked.
    `left_out` says why the check has no subject under a configuration; empty when it has one."""

    name: str
    doc: str
    needs: Needs
    knobs: tuple[str, ...]
    read: Callable[[Patient], Any]
    judge: Callable[[Any, Config], Iterable[Finding]]
    left_out: Callable[[Config], str]
    opens: Needs | None


CHECKS: list[Check] = []
"""All of them, in the order of their modules' import; `checks.py` imports them in the order of the page."""


def _always(_config: Config) -> str:
    return ""


def on_kafka(config: Config) -> str:
    """Left out where the agent's spool is the bus."""
    return "" if config.bus.kind == "kafka" else "no broker: the bus is the agent's spool (bus.kind is local)"


def on_local_bus(config: Config) -> str:
    """Left out where Kafka is the bus."""
    return "" if config.bus.kind == "local" else "the bus is Kafka"


def on_server(config: Config) -> str:
    """Left out where the engine runs inside our own process."""
    return "" if config.store.kind == "clickhouse" else "no server: the engine is embedded (store.kind is chdb)"


def check(
    name: str,
    *,
    read: Callable[[Patient], Facts],
    needs: Needs = Needs.NOTHING,
    knobs: tuple[str, ...] = (),
    left_out: Callable[[Config], str] = _always,
    opens: Needs | None = None,
) -> Callable[[Judge[Facts]], Judge[Facts]]:
    """Register a judging function with the reader of its facts; `knobs` are the settings that it judges by."""

    def register(judge: Judge[Facts]) -> Judge[Facts]:
        doc = " ".join((inspect.getdoc(judge) or "").split())
        CHECKS.append(Check(name, doc, needs, knobs, read, judge, left_out, opens))
        return judge

    return register
