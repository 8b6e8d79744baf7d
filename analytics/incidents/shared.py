"""A program's code that follows the GPU and not the program: the same GPU under jobs of different owners."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from clusterctl.analytics.incidents.evidence import JobRun, Rules
from clusterctl.analytics.incidents.items import Item
from clusterctl.analytics.incidents.service import Holders
from clusterctl.catalog import Weight
from clusterctl.clock import MS_PER_DAY

OF_A_PEER = "45"
"""Says that somebody died, not on which GPU."""


def hardware_after_all(items: Sequence[Item], holders: Holders, rules: Rules) -> dict[int, str]:
    """Items, by `id`, whose GPU showed a program's code in jobs of at least two owners within `repeat_ms`, with the
    reason. A job whose program fails on several GPUs is the program's own doing on each of them, and does not count."""
    by_gpu: dict[tuple[str, str], list[tuple[Item, str]]] = defaultdict(list)
    for item, node, device, job in _alone(items, holders, rules.after_job_end_ms):
        by_gpu[node, device].append((item, job.owner or job.job_id))
    found: dict[int, str] = {}
    days = rules.repeat_ms / MS_PER_DAY
    for seen in by_gpu.values():
        for item, owners in _owners_near(seen, rules.repeat_ms):
            if owners > 1:
                found[id(item)] = f"jobs of {owners} owners show it on this GPU within {days:g} days"
    return found


def _owners_near(seen: Sequence[tuple[Item, str]], within_ms: int) -> Iterator[tuple[Item, int]]:
    """Each item of one GPU, in their order, with the number of owners that its neighbours in time have."""
    near: Counter[str] = Counter()
    first = after = 0
    for item, _ in seen:
        while after < len(seen) and seen[after][0].at_ms <= item.at_ms + within_ms:
            near[seen[after][1]] += 1
            after += 1
        while seen[first][0].at_ms < item.at_ms - within_ms:
            near[seen[first][1]] -= 1
            if not near[seen[first][1]]:
                del near[seen[first][1]]
            first += 1
        yield item, len(near)


def _alone(items: Sequence[Item], holders: Holders, ahead_ms: int) -> Iterator[tuple[Item, str, str, JobRun]]:
    """A program's codes with node, GPU and job, where no other GPU of that job shows one."""
    shown: list[tuple[Item, str, str, JobRun]] = []
    devices: dict[tuple[str, int], set[tuple[str, str]]] = defaultdict(set)
    for item in items:
        episode = item.episode
        if episode and episode.device and item.weight is Weight.USER and episode.code != OF_A_PEER:
            # a node's clock may be ahead of the scheduler's: what it says just after its job ended is of that job
            job = holders.at(episode.node, item.at_ms) or holders.at(episode.node, item.at_ms - ahead_ms)
            if job:
                shown.append((item, episode.node, episode.device, job))
                devices[job.job_id, job.started_ms].add((episode.node, episode.device))
    return (one for one in shown if len(devices[one[3].job_id, one[3].started_ms]) == 1)
