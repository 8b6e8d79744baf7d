"""The collector's page as a scraper meets it."""

from __future__ import annotations

import logging
import socket
import threading
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clusterctl.bus import Partition
from clusterctl.collector.meters import COUNTERS, Meters
from clusterctl.collector.metrics import serve, serving
from clusterctl.config import load
from clusterctl.errors import ConfigError


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        text = page.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


def test_counters_are_there_from_the_start_and_gauges_once_they_were_set() -> None:
    meters = Meters()
    server = serve(meters, "127.0.0.1:0")
    try:
        before = scraped(server.port)
        meters.add("rows", 3)
        meters.add("rows")
        meters.set("retry_wait_s", 2.5)
        meters.set("blocks_in_flight", 2)
        meters.set_lags({Partition("c.samples.v1", 7): 40})
        after = scraped(server.port)
        meters.set_lags({})
        later = scraped(server.port)
    finally:
        server.close()
    assert {f"clusterctl_collector_{name}_total" for name in COUNTERS} == set(before)
    assert set(before.values()) == {0}
    assert after["clusterctl_collector_rows_total"] == 4
    assert after["clusterctl_collector_retry_wait_s"] == 2.5
    assert after["clusterctl_collector_blocks_in_flight"] == 2
    assert "clusterctl_collector_bytes_held" not in after, "never set: nobody looked, which is not zero"
    lag = "clusterctl_collector_lag_records{partition=7,topic=c.samples.v1}"
    assert after[lag] == 40
    assert lag not in later, "the partition is somebody else's now"


def test_many_threads_count_together() -> None:
    meters = Meters()
    threads = [threading.Thread(target=lambda: [meters.add("rows") for _ in range(5_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meters.get("rows") == 20_000
    assert meters.line() == "rows=20000"


def test_a_taken_address_does_not_keep_a_collector_from_its_work(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken, caplog.at_level(logging.WARNING):
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with serving(Meters(), f"127.0.0.1:{taken.getsockname()[1]}"):
            pass
    assert "collector.metrics_listen" in caplog.text


def test_off_by_option_loopback_by_default_and_a_wrong_address_names_the_setting() -> None:
    assert serve(Meters(), "").port == 0
    assert load(None, {}).collector.metrics_listen == "127.0.0.1:9478"
    with pytest.raises(ConfigError, match=r"collector\.metrics_listen"):
        serve(Meters(), "9478")
