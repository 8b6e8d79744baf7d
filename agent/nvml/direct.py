"""The calls of every tick, without the binding's wrapper around each: the function, its arguments and the place for its
answer are made once. Eight GPUs at 1 Hz are worth it; everything slower goes through `calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_int, c_uint, c_ulonglong
from dataclasses import dataclass
from typing import Any

from clusterctl.agent.nvml.fields import SAMPLE, Tier
from clusterctl.agent.nvml.library import NVML, or_none

PERCENT = 0.01


@dataclass(frozen=True, slots=True)
class DirectSpec:
    """`symbols` are tried in order: a newer driver may have another name. `outs` are column, attribute of the answer, and
    what one unit of it is."""

    symbols: tuple[str, ...]
    arguments: tuple[Any, ...]
    answer: Callable[[], Any]
    outs: tuple[tuple[str, str, float], ...]
    fallback_for: str = ""
    """A column that a field of the batch usually fills: then this call is not made."""


def _margin() -> Any:
    cell = NVML.c_nvmlMarginTemperature_v1_t()
    cell.version = NVML.nvmlMarginTemperature_v1
    return cell


def _one(column: str, symbol: str, *arguments: int, answer: Callable[[], Any] = c_uint) -> DirectSpec:
    return DirectSpec((symbol,), tuple(c_int(a) for a in arguments), answer, ((column, "value", 1),))


SPECS: tuple[DirectSpec, ...] = (
    _one("temp_c", "nvmlDeviceGetTemperature", NVML.NVML_TEMPERATURE_GPU),
    DirectSpec(("nvmlDeviceGetMarginTemperature",), (), _margin, (("temp_margin_c", "marginTemperature", 1),)),
    _one("sm_clock_mhz", "nvmlDeviceGetClockInfo", NVML.NVML_CLOCK_SM),
    _one("memory_clock_mhz", "nvmlDeviceGetClockInfo", NVML.NVML_CLOCK_MEM),
    DirectSpec(
        ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"),
        (),
        c_ulonglong,
        (("throttle_mask", "value", 1),),
    ),
    DirectSpec(("nvmlDeviceGetPowerUsage",), (), c_uint, (("power_mw", "value", 1),), "power_mw"),
    DirectSpec(("nvmlDeviceGetTotalEnergyConsumption",), (), c_ulonglong, (("energy_mj", "value", 1),), "energy_mj"),
    DirectSpec(
        ("nvmlDeviceGetMemoryInfo",),
        (),
        NVML.c_nvmlMemory_t,
        (("memory_used_bytes", "used", 1), ("memory_total_bytes", "total", 1)),
    ),
    DirectSpec(
        ("nvmlDeviceGetUtilizationRates",),
        (),
        NVML.c_nvmlUtilization_t,
        (("util_ratio", "gpu", PERCENT), ("memory_util_ratio", "memory", PERCENT)),
    ),
    *(
        _one(column, "nvmlDeviceGetTotalEccErrors", kind, NVML.NVML_VOLATILE_ECC, answer=c_ulonglong)
        for column, kind in (
            ("ecc_corrected", NVML.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            ("ecc_uncorrected", NVML.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
        )
    ),
)
"""In the order in which they are asked, after the batch of fields."""


class Direct:
    """One of them, for one GPU. `tier` may move down when it turns out to be slow."""

    __slots__ = ("_cell", "arguments", "function", "key", "name", "outs", "skip", "tier")

    def __init__(self, spec: DirectSpec, function: Any, symbol: str, handle: Any) -> None:
        self._cell = spec.answer()
        self.tier = Tier.FAST
        self.name = spec.outs[0][0]
        self.key = (symbol, *(argument.value for argument in spec.arguments))
        self.function = function
        self.arguments = (handle, *spec.arguments, byref(self._cell))
        self.outs = tuple(((SAMPLE, column, None), attribute, unit) for column, attribute, unit in spec.outs)
        self.skip = (SAMPLE, spec.fallback_for, None) if spec.fallback_for else None

    def take(self, readings: dict[tuple[str, str, int | None], Any]) -> None:
        """Put the answer of the call that has just been made among the readings."""
        for key, attribute, unit in self.outs:
            value = getattr(self._cell, attribute)
            readings[key] = value if unit == 1 else value * unit


def direct_calls(handle: Any) -> list[Direct]:
    """Those that this driver has."""
    found = []
    for spec in SPECS:
        for symbol in spec.symbols:
            function = or_none(NVML._nvmlGetFunctionPointer, symbol)
            if function is not None:
                found.append(Direct(spec, function, symbol, handle))
                break
    return found
