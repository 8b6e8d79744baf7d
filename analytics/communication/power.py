"""Without SM activity: two levels of power. Its errors are too large for more than wide bounds."""

from __future__ import annotations

import numpy as np

from clusterctl.analytics.communication.posterior import Share
from clusterctl.analytics.communication.readings import Readings

IDLE_POWER, COMM_POWER = 0.13, 0.42
"""Of the rated power when idle; of the power of compute while only communication runs."""
BEST = 0.9
REACH = 0.30
"""Error within which nine of ten estimates lie (docs/accuracy-communication.md)."""
MIN_SAMPLES = 30


def share(readings: Readings) -> Share | None:
    """Missing without power, its rated limit, or the share of time with a kernel resident."""
    limit, power_w, graphics = readings.limits.power_w, readings.power_w, readings.graphics
    if limit is None or limit <= 0 or power_w is None or graphics is None:
        return None
    known = np.isfinite(power_w) & np.isfinite(graphics)
    if known.sum() < MIN_SAMPLES:
        return None
    used = power_w[known] / limit
    g, p, best = float(graphics[known].mean()), float(used.mean()), float(np.quantile(used, BEST))
    if best <= IDLE_POWER:
        return None
    x = (best * g - (p - IDLE_POWER * (1 - g))) / (best - COMM_POWER * best)
    middle = float(np.clip(x, 0.0, 1.0))
    return Share(middle, max(0.0, middle - REACH), min(1.0, middle + REACH))
