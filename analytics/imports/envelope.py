"""The columns that a batch of an agent would carry, for rows that come from elsewhere: no boot, no number, no offset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clusterctl.schema import SCHEMA_VERSION

ENVELOPE: Mapping[str, Any] = {
    "boot_id": "",
    "seq": 0,
    "schema_version": SCHEMA_VERSION,
    "bus_partition": 0,
    "bus_offset": 0,
}
