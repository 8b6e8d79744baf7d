"""Estimators to compare with: the plain ones that people use, and the graded rules of the first study."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.communication.mixture import Floats, Phases, phases

Z = 1.645
TOP_COMM = 0.35
PRIOR_MEAN, PRIOR_SD, PRIOR_SN, PRIOR_SN_SD = 0.925, 0.042, 0.13, 0.065


def threshold(s: dict[str, Floats]) -> float:
    """Share of samples with little tensor activity and a busy link."""
    link = np.maximum(s["nvlink"], s["nic"])
    quiet = s["tensor"] < 0.25 * np.quantile(s["tensor"], 0.95)
    return float(np.mean(quiet & (link > max(0.05, 0.25 * float(np.quantile(link, 0.98))))))


def regression(s: dict[str, Floats]) -> float:
    """Slope of SM activity on link rate."""
    link = np.maximum(s["nvlink"], s["nic"])
    if np.ptp(link) == 0:
        return 0.0
    slope, intercept = np.polyfit(link, s["sm"], 1)
    return clip01(-slope * link.mean() / intercept)


def deficit(s: dict[str, Floats]) -> float:
    """Tensor activity missing from its own best."""
    return clip01(1 - s["tensor"].mean() / float(np.quantile(s["tensor"], 0.95)))


def power(s: dict[str, Floats]) -> float:
    """Two levels of power."""
    g, p, best = s["graphics"].mean(), s["power"].mean(), float(np.quantile(s["power"], 0.9))
    return clip01((best * g - (p - 0.13 * (1 - g))) / (best - 0.42 * best))


def share_of(g: float, s: float, s_c: float, s_n: float) -> float:
    """The linear mixture solved for communication."""
    return clip01((s_c * g - s) / (s_c - s_n))


def clip01(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)


def cut_normal(low: float, high: float) -> tuple[float, float]:
    """Mean and sd of the prior of s_c within bounds."""
    grid = np.linspace(low, max(high, low + 1e-3), 201)
    weight = np.exp(-0.5 * ((grid - PRIOR_MEAN) / PRIOR_SD) ** 2)
    mean = float(np.average(grid, weights=weight))
    return mean, math.sqrt(float(np.average((grid - mean) ** 2, weights=weight)))


def prior(s: dict[str, Floats]) -> float:
    return share_of(s["graphics"].mean(), s["sm"].mean(), PRIOR_MEAN, PRIOR_SN)


def em(s: dict[str, Floats]) -> float:
    fit = phases(s["graphics"], s["sm"], TOP_COMM)
    return share_of(s["graphics"].mean(), s["sm"].mean(), fit.compute, fit.comm) if fit else float("nan")


@dataclass(frozen=True)
class Graded:
    value: float
    low: float
    high: float
    grade: str


def graded(s: dict[str, Floats]) -> Graded:
    """As they were."""
    g, sm = float(s["graphics"].mean()), float(s["sm"].mean())
    fit = phases(s["graphics"], s["sm"], TOP_COMM)
    if fit is None or not fit.resolved:
        mean, sd = cut_normal(max(fit.compute if fit else 0.0, 0.70), 0.995)
        return interval(g, sm, mean, PRIOR_SN, 1.2 * sd, PRIOR_SN_SD, "D")
    fine = fine_traffic(s, fit)
    if fine < 0.015:
        return interval(g, sm, fit.compute, fit.comm, 0.012, 0.02, "B")
    u = min(max(0.6 * fine / 0.45, 0.0), 0.45)
    m = fit.compute
    v = (m - fit.comm * u) / (1 - u)
    s_c = min(max((v + max(0.925, m)) / 2, m), 0.985)
    sd = min(0.055, 1.5 * max(0.02, (min(0.99, max(v, 0.965)) - m) / 2))
    return interval(g, sm, s_c, fit.comm, sd, 0.02, "C")


def fine_traffic(s: dict[str, Floats], fit: Phases) -> float:
    r = s["sm"] / np.maximum(s["graphics"], 1e-6)
    inside = (r > fit.compute - 0.05) & (s["graphics"] > 0.5)
    return float(s["nvlink"][inside].mean()) if inside.any() else 0.0


def interval(g: float, s: float, s_c: float, s_n: float, sd_c: float, sd_n: float, grade: str) -> Graded:
    x = share_of(g, s, s_c, s_n)
    sd = math.sqrt(((g - x) / (s_c - s_n) * sd_c) ** 2 + (x / (s_c - s_n) * sd_n) ** 2 + 0.004**2)
    return Graded(x, clip01(x - Z * sd), clip01(x + Z * sd), grade)
