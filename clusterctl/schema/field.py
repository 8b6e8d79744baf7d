"""What a column is: its name with unit, its kind, its ClickHouse type and codec, its bounds on the wire."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace


class Kind(enum.Enum):
    """How readings of a field behave over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"
    TEXT = "text"
    TIME = "time"


class Unit(enum.Enum):
    """Units of fields; the value is Grafana's unit id."""

    NONE = "none"
    COUNT = "short"
    MILLIWATT = "mwatt"
    MILLIJOULE = "mjoule"
    CELSIUS = "celsius"
    MEGAHERTZ = "rotmhz"
    RATIO = "percentunit"
    BYTE = "bytes"
    MEGABIT_PER_S = "Mbits"
    MILLISECOND = "ms"
    MICROSECOND = "µs"
    NANOSECOND = "ns"
    SECOND = "s"
    BYTE_PER_S = "Bps"
    MILLIVOLT = "mvolt"
    MICROAMPERE = "µA"
    MICROWATT = "µwatt"
    TIMESTAMP = "dateTimeAsIso"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A ClickHouse type with what the wire may carry for it: the Python type and its bounds."""

    clickhouse: str
    python: type
    low: int | float | None = None
    high: int | float | None = None
    max_length: int | None = None
    codec: str = "ZSTD(1)"
    block_bytes: int = 0
    """Size of a compressed block, where the engine's 64 KiB are too small to hold what repeats; 0 leaves it to the engine."""

    def coded(self, codec: str, block_bytes: int = 0) -> ColumnType:
        """The same type, stored another way."""
        return replace(self, codec=codec, block_bytes=block_bytes)

    def settings(self) -> str:
        """The column's own settings, as the engine prints them; empty where it has none."""
        names = ("min_compress_block_size", "max_compress_block_size")
        return ", ".join(f"{name} = {self.block_bytes}" for name in names) if self.block_bytes else ""


PACKED = "T64, ZSTD(1)"
"""Integers of a narrow range, noisy or a few bits wide. The codecs of this file are measured: docs/storage.md."""
PLANES = "T64('bit'), ZSTD(1)"
"""Integers whose low bits repeat as their high ones do, such as sizes in pages."""
STEPS = "GCD, T64, ZSTD(1)"
"""Integers that are multiples of something: clocks of 15 MHz, latencies rounded to a few bits."""
GROWING = "Delta, ZSTD(1)"
"""Counters, and gauges that hardly move."""
DENSE = "ZSTD(3)"
"""Ratios and rates: floats of few significant bits, for which level 3 finds what level 1 does not."""


def _integer(name: str, bits: int, *, signed: bool = False, codec: str = "ZSTD(1)") -> ColumnType:
    low = -(2 ** (bits - 1)) if signed else 0
    high: int | None = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    if bits == 64:  # msgspec bounds are 64-bit signed; msgpack itself stops at 2**64 - 1
        high = None
    return ColumnType(name, int, low, high, codec=codec)


UINT8 = _integer("UInt8", 8)
UINT16 = _integer("UInt16", 16)
UINT32 = _integer("UInt32", 32)
UINT32_T64 = _integer("UInt32", 32, codec="T64, ZSTD(1)")
UINT64 = _integer("UInt64", 64)
UINT64_DELTA = _integer("UInt64", 64, codec="Delta, ZSTD(1)")
INT16 = _integer("Int16", 16, signed=True)
INT32 = _integer("Int32", 32, signed=True)
FLOAT32 = ColumnType("Float32", float, -3.4e38, 3.4e38)
FLOAT64 = ColumnType("Float64", float, -1.7e308, 1.7e308)
NAME = ColumnType("LowCardinality(String)", str, max_length=256, codec="")
TEXT = ColumnType("String", str, max_length=4096)
LONG_TEXT = ColumnType("String", str, max_length=16_384)
LATEST_MS = 4_102_444_800_000  # 2100-01-01, the end of what DateTime64(3) is used for here
TIMESTAMP_MS = ColumnType("DateTime64(3, 'UTC')", int, 0, LATEST_MS, codec="Delta, ZSTD(1)")
SERVER_TIME = ColumnType("DateTime('UTC')", int, 0, 4_294_967_295)


@dataclass(frozen=True, slots=True)
class Field:
    """One column, declared once. `nullable` is the default: a missing reading is never a zero."""

    name: str
    kind: Kind
    type: ColumnType
    unit: Unit
    doc: str
    since: int = 1
    nullable: bool = True
    default: str = ""
    """A server-side default expression, for columns that no client sends."""

    def column_type(self) -> str:
        """The ClickHouse type, Nullable where a reading may be missing."""
        if not self.nullable:
            return self.type.clickhouse
        if self.type.clickhouse.startswith("LowCardinality("):
            inner = self.type.clickhouse.removeprefix("LowCardinality(").removesuffix(")")
            return f"LowCardinality(Nullable({inner}))"
        return f"Nullable({self.type.clickhouse})"

    def ddl(self) -> str:
        """The column's line in CREATE TABLE."""
        default = f" DEFAULT {self.default}" if self.default else ""
        return f"{self.name} {self.column_type()}{default}{self.storage()}"

    def storage(self) -> str:
        """How the column is compressed, as DDL."""
        codec = f" CODEC({self.type.codec})" if self.type.codec else ""
        return f"{codec} SETTINGS ({self.type.settings()})" if self.type.block_bytes else codec


def gauge(name: str, type_: ColumnType, unit: Unit, doc: str, *, since: int = 1) -> Field:
    """A reading that goes up and down."""
    return Field(name, Kind.GAUGE, type_, unit, doc, since)


def counter(name: str, doc: str, unit: Unit = Unit.COUNT, *, since: int = 1) -> Field:
    """A raw count since some start; differentiated in SQL per boot, never in the agent."""
    return Field(name, Kind.COUNTER, UINT64_DELTA, unit, doc, since)


def state(name: str, type_: ColumnType, doc: str, *, since: int = 1) -> Field:
    """One of a few values."""
    return Field(name, Kind.STATE, type_, Unit.NONE, doc, since)


def text(name: str, doc: str, *, type_: ColumnType = NAME, since: int = 1) -> Field:
    """Text that is always there, perhaps empty; part of keys and labels."""
    return Field(name, Kind.TEXT, type_, Unit.NONE, doc, since, nullable=False)


def required(name: str, type_: ColumnType, unit: Unit, doc: str, *, kind: Kind = Kind.GAUGE) -> Field:
    """A number that its writer always knows."""
    return Field(name, kind, type_, unit, doc, nullable=False)


def moment(name: str, doc: str, *, nullable: bool = False, since: int = 1) -> Field:
    """A point in time, UTC milliseconds on the wire."""
    return Field(name, Kind.TIME, TIMESTAMP_MS, Unit.TIMESTAMP, doc, since, nullable=nullable)
