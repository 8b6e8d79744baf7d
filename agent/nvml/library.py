"""The one file that imports pynvml; the rest of the package reaches it as `NVML`, in the worker process only.

A hung GPU hangs the thread that asks, and sometimes the process: `lanes` is about that. Answers are told apart here:
absent for the life of this driver, lost, gone with the driver, or a fact about the GPU's health.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml as NVML

from clusterctl.agent.nvml.values import SUCCESS

NO_DRIVER = frozenset({NVML.NVML_ERROR_DRIVER_NOT_LOADED, NVML.NVML_ERROR_LIBRARY_NOT_FOUND})
ABSENT = frozenset(
    {NVML.NVML_ERROR_NOT_SUPPORTED, NVML.NVML_ERROR_FUNCTION_NOT_FOUND, NVML.NVML_ERROR_INVALID_ARGUMENT, 25, 26}
)
"""Answers that stand for the life of the driver: 25 argument version mismatch, 26 deprecated."""
LOST = NVML.NVML_ERROR_GPU_IS_LOST
GONE = frozenset(
    {NVML.NVML_ERROR_UNINITIALIZED, NVML.NVML_ERROR_DRIVER_NOT_LOADED, NVML.NVML_ERROR_LIB_RM_VERSION_MISMATCH}
)
"""The driver was unloaded or replaced under us: only a new process can go on."""
INSUFFICIENT_SIZE = NVML.NVML_ERROR_INSUFFICIENT_SIZE

__all__ = [
    "ABSENT",
    "GONE",
    "INSUFFICIENT_SIZE",
    "LOST",
    "NVML",
    "NvmlUnavailable",
    "code_of",
    "open_library",
    "or_none",
]


class NvmlUnavailable(Exception):
    """There is no NVML to ask; the text is the reason, one word."""


def open_library() -> str:
    """Open NVML; the driver's version. Raises NvmlUnavailable when there is none to be had."""
    if not hasattr(NVML, "nvmlDeviceGetMarginTemperature"):
        raise NvmlUnavailable("wrong_pynvml_package")
    try:
        NVML.nvmlInit()
    except NVML.NVMLError as error:
        raise NvmlUnavailable(
            "no_NVIDIA_driver" if error.value in NO_DRIVER else f"nvml_error_{error.value}"
        ) from error
    except NVML.NVMLLibraryMismatchError as error:
        raise NvmlUnavailable("library_mismatch") from error
    return str(or_none(NVML.nvmlSystemGetDriverVersion) or "")


def or_none(call: Callable[..., Any], *arguments: Any) -> Any:
    """The answer; None for any of NVML's errors."""
    try:
        return call(*arguments)
    except NVML.NVMLError:
        return None


def code_of(call: Callable[..., Any] | str, *arguments: Any) -> tuple[int, Any]:
    """NVML's return code and the answer. A plain library function is named by its string: it returns its code, and its
    answer is in its arguments."""
    try:
        if isinstance(call, str):
            return int(NVML._nvmlGetFunctionPointer(call)(*arguments)), True
        return SUCCESS, call(*arguments)
    except NVML.NVMLError as error:
        return int(error.value), None
