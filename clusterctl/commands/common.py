"""What commands share: the configuration they were given, formats, and a stop signal."""

from __future__ import annotations

import enum
import logging
import signal
import threading
from dataclasses import dataclass, replace
from types import FrameType

import typer

from clusterctl.config import Config, load
from clusterctl.store import Store, open_store

OK, FINDINGS, UNKNOWN = 0, 1, 2
"""Exit codes: clean, findings, could not tell."""


class Format(str, enum.Enum):
    """Output of reports."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "md"
    CSV = "csv"


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

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def log_to_stderr(verbose: bool) -> None:
    """Log lines for the journal."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
