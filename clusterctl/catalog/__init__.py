"""What Xid and SXid codes mean to which driver, with its sources, and the judgement drawn from it: docs/catalog.md."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.catalog.code import FOLLOWERS, Code, Weight
from clusterctl.catalog.judge import Fields, action_of, class_of, meaning_of, sub_code_of, weight_of
from clusterctl.catalog.nvlink5 import CODES as NVLINK5_CODES
from clusterctl.catalog.nvlink5 import SubCode, fields_in
from clusterctl.catalog.table import Catalogue, load, shipped

__all__ = [
    "FOLLOWERS",
    "NVLINK5_CODES",
    "Catalogue",
    "Code",
    "Fields",
    "SubCode",
    "Weight",
    "action_of",
    "class_of",
    "decode_nvlink5",
    "fields_in",
    "load",
    "lookup",
    "meaning_of",
    "shipped",
    "sub_code_of",
    "version",
    "weight_of",
]


def lookup(kind: str, code: str, driver_version: str = "") -> Code | None:
    """What a code means to a driver, as shipped; an unknown driver gets the newest row."""
    return shipped().lookup(kind, code, driver_version)


def decode_nvlink5(
    code: str, words: Sequence[str], unit: str = "", severity_word: str = "", driver_version: str = ""
) -> SubCode | None:
    """What the words of an Xid 144 to 150 say; None where no pattern fits."""
    return shipped().decode_nvlink5(code, words, unit, severity_word, driver_version)


def version() -> str:
    """Of the shipped catalogue: changes whenever the file does. A site's is `load(path).version`."""
    return shipped().version
