"""What commands share: the configuration they were given, formats, and a stop signal."""

from __future__ import annotations

import enum
import os
import signal
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import typer

from clusterctl.config import Config, load
from clusterctl.errors import InputError
from clusterctl.store import Store, open_store

OK, FINDINGS, UNKNOWN = 0, 1, 2
"""Exit codes: clean, findings, could not tell."""


class Format(str, enum.Enum):
    """Output of reports."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "md"
    CSV = "csv"
    HTML = "html"


class ShortFormat(str, enum.Enum):
    """Output of everything else."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Settings:
    """Options that stand before the command."""

    config_file: str | None = None
    data_dir: str = ""

    def load(self) -> Config:
        """The configuration. Raises ConfigError."""
        config = load(self.config_file)
        if self.data_dir:
            config = replace(config, site=replace(config.site, data_dir=self.data_dir))
        return config


def config_of(context: typer.Context) -> Config:
    """The configuration of this invocation."""
    settings = context.obj if isinstance(context.obj, Settings) else Settings()
    return settings.load()


def ready_store(config: Config) -> Store:
    """The configured store with its tables in place. The embedded one is migrated on the way; a server is not, since
    many share it: raises SchemaBehind when `clusterctl migrate` has to be run."""
    from clusterctl.analytics import retention
    from clusterctl.analytics.migrate import migrate, require_current

    store = open_store(config)
    try:
        if config.store.kind == "chdb":
            migrate(store)
            retention.apply(store, config)
        else:
            require_current(store)
    except BaseException:
        store.close()
        raise
    return store


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it. Raises InputError where it cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def leave_on_signals(stop: threading.Event) -> None:
    """End at once and cleanly on SIGTERM and SIGINT: for the time before there is work that could be finished. `stop` is
    set too, for when a library that is waiting swallows the exit."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        raise SystemExit(OK)

    def swallowed(what: sys.UnraisableHookArgs) -> None:
        """A callback in which the exit came is no place to say so: `stop` is looked at next."""
        if not isinstance(what.exc_value, SystemExit):
            sys.__unraisablehook__(what)

    sys.unraisablehook = swallowed
    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
