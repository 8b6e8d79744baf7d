"""/metrics of the collector for Prometheus: its meters. Names and help come from collector/meters.py."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from clusterctl.collector.meters import Meters
from clusterctl.prometheus import CounterMetricFamily, GaugeMetricFamily, Metric, PageServer, Source

log = logging.getLogger(__name__)
SETTING = "collector.metrics_listen"
PREFIX = "clusterctl_collector_"


class MeterSource(Source):
    """Collects when scraped."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def collect(self) -> Iterator[Metric]:
        """Counters from the start on, gauges once they were set, the lag of each partition that is ours."""
        for name, count in self._meters.counts().items():
            yield CounterMetricFamily(PREFIX + name, _help(name), value=count)
        for name, value in self._meters.gauges().items():
            yield GaugeMetricFamily(PREFIX + name, _help(name), value=value)
        lag = GaugeMetricFamily(PREFIX + "lag_records", "Records still unread.", labels=["topic", "partition"])
        for (topic, partition), records in sorted(self._meters.lags().items()):
            lag.add_metric([topic, str(partition)], records)
        yield lag


def _help(name: str) -> str:
    return f"The collector's {name.replace('_', ' ')}; docs/meters.md."


def serve(meters: Meters, listen: str) -> PageServer:
    """Listen until closed; an empty address means not at all. Raises OSError when the address is taken."""
    return PageServer(listen, SETTING, MeterSource(meters))


@contextmanager
def serving(meters: Meters, listen: str) -> Iterator[None]:
    """Listen while the block runs. A taken address does not keep a collector from its work: a second one on this machine
    goes without a page, and says so."""
    try:
        server = serve(meters, listen)
    except OSError as error:
        log.warning("no /metrics on %s: %s (%s)", listen, error.strerror, SETTING)
        yield
        return
    try:
        yield
    finally:
        server.close()
