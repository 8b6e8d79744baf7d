"""Devices as groups of peers: GPUs of the same job, product and power limit; ports of the same job, name and product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from clusterctl.analytics.slow.detect import Group
from clusterctl.analytics.slow.jobs import Job, Span
from clusterctl.analytics.slow.metrics import BUSY, GPU_METRICS, PORT_METRICS, Metric
from clusterctl.analytics.slow.peers import Floats
from clusterctl.analytics.slow.questions import GpuKindRow
from clusterctl.analytics.slow.series import Series

LEAST_TENSOR = 0.02
"""Below this share of tensor activity nobody can say how much work was done."""
LEAST_TRAFFIC = 10e6
"""Bytes/s. A rail that carries less than this in its middle is not in use, and its rate costs nobody time."""
CAPPED = 0.98
"""Of the default: a power limit below this was lowered on purpose."""
MIG, ALONE, FEW, CAP, NO_WORK, CROWD = (
    "GPU divided by MIG",
    "job on one node",
    "too few peers of the same product and power limit",
    "power limit lowered on purpose: clock and power not compared",
    "no tensor activity to measure work by",
    "nothing suspect in their hours",
)


@dataclass(slots=True)
class Untold:
    """How many units were not compared, by reason."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, reason: str, units: int) -> None:
        """So many more, for this reason."""
        if units:
            self.counts[reason] += units


def gpu_groups(
    found: Sequence[Series], kinds: Mapping[tuple[str, str], GpuKindRow], min_peers: int, untold: Untold
) -> Iterator[Group]:
    """Groups of one job's GPUs, one a reading."""
    alike: dict[tuple[str, int | None, bool], list[Series]] = defaultdict(list)
    for one in found:
        kind = kinds.get((one.host, one.device))
        if kind is None:
            alike[one.product, None, False].append(one)
        elif kind.mig_on:
            untold.add(MIG, 1)
        else:
            capped = bool(kind.limit_mw and kind.default_mw and kind.limit_mw < CAPPED * kind.default_mw)
            alike[kind.product or one.product, kind.limit_mw, capped].append(one)
    for (_, _, capped), same in alike.items():
        if len(same) <= min_peers:
            untold.add(FEW, len(same))
            continue
        untold.add(CAP, len(same) if capped else 0)
        yield from _of_alike(same, capped, untold)


def _of_alike(same: Sequence[Series], capped: bool, untold: Untold) -> Iterator[Group]:
    units = tuple((one.host, one.device) for one in same)
    activity = _stacked(same, "activity")
    for metric in GPU_METRICS:
        values = _work(same, activity) if metric is BUSY else _stacked(same, metric.name)
        if metric is BUSY and not np.isfinite(values).any():
            untold.add(NO_WORK, len(same))
        if not (capped and metric.power_bound):
            yield Group(same[0].job_id, metric, units, values, activity)


def _stacked(same: Sequence[Series], name: str) -> Floats:
    """A row a unit, a column a minute."""
    return np.stack([one.readings[name] for one in same])


def _work(same: Sequence[Series], activity: Floats) -> Floats:
    """SM-active time for a tensor operation; in what unit does not matter, since only ratios are looked at."""
    tensor = _stacked(same, "tensor_ratio")
    done = np.where(tensor >= LEAST_TENSOR, tensor * _stacked(same, "sm_clock_mhz"), np.nan)
    made: Floats = activity / done
    return made


def port_groups(
    found: Sequence[Series], job: Job, held: Mapping[str, Mapping[str, list[Span]]], minutes: int
) -> Iterator[Group]:
    """Groups of a job's ports of one rail, while the job has the nodes to itself and the rail is in use."""
    rails: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for one in found:
        if one.host in job.spans:
            rails[one.device, one.product].append(one)
    for same in rails.values():
        alone = np.stack([_alone(one.host, job, held, minutes) for one in same])
        traffic = np.where(alone, _stacked(same, "bytes_per_s"), np.nan)
        in_use = alone & (_middle(traffic) >= LEAST_TRAFFIC)
        for metric in PORT_METRICS:
            yield _rail(job, same, metric, in_use)


def _rail(job: Job, same: Sequence[Series], metric: Metric, in_use: npt.NDArray[np.bool_]) -> Group:
    units = tuple((one.host, one.device) for one in same)
    return Group(job.job_id, metric, units, np.where(in_use, _stacked(same, metric.name), np.nan))


def _middle(values: Floats) -> Floats:
    """Median of each minute; missing where nothing is known."""
    medians = np.full(values.shape[1], np.nan)
    known = np.isfinite(values).any(axis=0)
    medians[known] = np.nanmedian(values[:, known], axis=0)
    return medians


def _alone(host: str, job: Job, held: Mapping[str, Mapping[str, list[Span]]], minutes: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(minutes, dtype=np.bool_)
    first, last = job.spans[host]
    mask[first:last] = True
    for other, spans in held[host].items():
        for begin, end in spans if other != job.job_id else ():
            mask[begin:end] = False
    return mask
