"""/metrics as a scraper meets it: names, units, labels, and what is not there."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clusterctl.agent.main import Agent
from clusterctl.agent.metric_names import DCGM
from clusterctl.agent.metrics import MetricsServer
from clusterctl.config import load
from clusterctl.errors import ConfigError
from clusterctl.schema import EVENT, GPU_HEALTH, GPU_SAMPLE, NIC_SAMPLE, TABLE_BY_NAME

HOST = 'no"de\\1'


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    env = {
        "CLUSTERCTL_SITE_DATA_DIR": str(tmp_path / "data"),
        "CLUSTERCTL_SITE_HOST": HOST,
        "CLUSTERCTL_AGENT_NVML": "false",
        "CLUSTERCTL_AGENT_SYSFS_ROOT": str(tmp_path / "sys"),
    }
    found = Agent(load(None, env))
    yield found
    found.close()


def scraped(agent: Agent, listen: str = "127.0.0.1:0") -> dict[str, list[tuple[dict[str, str], float]]]:
    server = MetricsServer(listen, agent.status)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as page:
            text = page.read().decode()
    finally:
        server.close()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def gpu(number: int, **values: Any) -> Any:
    return GPU_SAMPLE.row(ts=1, gpu_uuid=f"GPU-{number}", gpu_index=number, pci=f"0000:4{number}:00.0", **values)


def test_readings_that_dcgm_has_too_go_under_its_names_and_in_its_units(agent: Agent) -> None:
    agent.sink.put(GPU_SAMPLE, [gpu(0, power_mw=632_000, util_ratio=0.97, temp_c=59), gpu(1, temp_c=60)])
    found = scraped(agent)
    labels = {"gpu": "0", "UUID": "GPU-0", "pci_bus_id": "0000:40:00.0", "device": "nvidia0", "Hostname": HOST}
    assert found["DCGM_FI_DEV_POWER_USAGE"] == [(labels, pytest.approx(632.0))], "watts; no reading is no sample"
    assert found["DCGM_FI_DEV_GPU_UTIL"] == [(labels, pytest.approx(97.0))]
    assert [value for _, value in found["DCGM_FI_DEV_GPU_TEMP"]] == [59, 60]
    assert "clusterctl_gpu_power_mw" not in found, "one reading has one name"


def test_other_readings_go_under_table_and_column(agent: Agent) -> None:
    agent.sink.put(GPU_SAMPLE, [gpu(0, temp_margin_c=-3)])
    agent.sink.put(
        NIC_SAMPLE,
        [NIC_SAMPLE.row(ts=1, port="mlx5_0/1", link_layer="infiniband", pci="0000:18:00.0", link_up=1, rx_bytes=7)],
    )
    found = scraped(agent)
    labels = {"gpu_uuid": "GPU-0", "gpu_index": "0", "pci": "0000:40:00.0"}
    assert found["clusterctl_gpu_temp_margin_c"] == [(labels, -3)]
    port = {"port": "mlx5_0/1", "link_layer": "infiniband", "pci": "0000:18:00.0"}
    assert found["clusterctl_nic_link_up"] == [(port, 1)]
    assert found["clusterctl_nic_rx_bytes_total"] == [(port, 7)]


def test_the_agents_own_health_is_there_before_anything_was_read(agent: Agent) -> None:
    found = scraped(agent)
    assert found["clusterctl_agent_nvml_up"] == [({}, 0)]
    assert found["clusterctl_agent_spool_lost_batches_total"] == [({}, 0)]
    assert "clusterctl_agent_gpus_answering" not in found, "nobody was asked: that is not zero"
    assert "DCGM_FI_DEV_GPU_TEMP" not in found


def test_the_last_xid_of_a_gpu(agent: Agent) -> None:
    for code in ("31", "79"):
        agent.sink.put(EVENT, [agent.facts.event("xid", code, "fail", gpu_uuid="GPU-3")])
    assert scraped(agent)["DCGM_FI_DEV_XID_ERRORS"] == [({"UUID": "GPU-3", "Hostname": HOST}, 79)]


def test_names_of_dcgm_belong_to_columns_that_exist() -> None:
    for table, column in DCGM:
        assert column in TABLE_BY_NAME[table].struct.__struct_fields__
    assert (GPU_HEALTH.name, "remap_failed") in DCGM
    names = [alias.name for alias in DCGM.values()]
    assert len(names) == len(set(names))


def test_off_by_option_and_loopback_by_default(agent: Agent) -> None:
    assert MetricsServer("", agent.status).port == 0
    assert load(None, {}).agent.metrics_listen.startswith("127.0.0.1:")


@pytest.mark.parametrize("listen", ["127.0.0.1", "9477x", "host:", "127.0.0.1:70000", ":9477"])
def test_an_address_that_is_none_is_a_configuration_error(agent: Agent, listen: str) -> None:
    with pytest.raises(ConfigError, match=r"agent\.metrics_listen"):
        MetricsServer(listen, agent.status)


def test_an_address_that_is_taken_does_not_end_the_agent(agent: Agent) -> None:
    first = MetricsServer("127.0.0.1:0", agent.status)
    with pytest.raises(OSError, match="in use"):
        MetricsServer(f"127.0.0.1:{first.port}", agent.status)
    first.close()
