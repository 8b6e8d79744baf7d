"""What an exposed share says: against a line, and what half of it would win. Pure."""

from __future__ import annotations

from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.communication.job import ABOVE, BELOW, NOT_DECIDED
from clusterctl.analytics.reports.model_comm import Against, Exposed, Halving
from clusterctl.analytics.stats.share import shortening

LINES = (0.06, 0.12)
"""Claimed at about 1000 GPUs, and of the industry at large; neither has a published definition. Exposed is the reading under
which such values are plausible."""
POINT_GRADES = frozenset(grade.value for grade in Grade if grade.has_point)


def against(told: Exposed, target: float) -> Against:
    """The rule of `communication.job.verdict`, on what was stored: whole interval, all ranks, never from grades C and D."""
    if told.low is None or told.high is None:
        return Against(target, NOT_DECIDED, told.reason)
    if told.grade not in POINT_GRADES:
        return Against(target, NOT_DECIDED, f"grade {told.grade}: bounds only")
    if told.ranks is None or told.ranks_of_job is None:
        return Against(target, NOT_DECIDED, "nobody said how many ranks the job has")
    if told.ranks < told.ranks_of_job:
        return Against(target, NOT_DECIDED, f"{told.ranks} of {told.ranks_of_job} ranks seen")
    if told.high <= target:
        return Against(target, BELOW, "")
    return (
        Against(target, ABOVE, "") if told.low > target else Against(target, NOT_DECIDED, "the interval holds the line")
    )


def halving(told: Exposed, gpu_hours: float) -> Halving | None:
    """Missing where there is no interval, or an end of it leaves no time to compute in."""
    if told.low is None or told.high is None or not 0 <= told.low <= told.high < 1:
        return None
    least, most = shortening(told.low, told.low / 2), shortening(told.high, told.high / 2)
    return Halving(
        least.step_shorter,
        most.step_shorter,
        least.throughput_gain,
        most.throughput_gain,
        least.step_shorter * gpu_hours,
        most.step_shorter * gpu_hours,
    )
