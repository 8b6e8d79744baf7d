"""Numbers out of the text of procfs. Whatever the bytes are, the answer is a number that fits its column, or None."""

from __future__ import annotations

KIB = 1_024
_CPU_FIELDS = 8
"""user, nice, system, idle, iowait, irq, softirq, steal; guest time, which follows, is part of user time."""


def cpu_times(stat: bytes) -> tuple[int, int] | None:
    """Total and idle time, in ticks, of /proc/stat's first line."""
    line = stat[:512].partition(b"\n")[0].split()
    if len(line) < _CPU_FIELDS + 1 or line[0] != b"cpu":
        return None
    times = [time for word in line[1 : _CPU_FIELDS + 1] if (time := _whole(word)) is not None]
    return (sum(times), times[3] + times[4]) if len(times) == _CPU_FIELDS else None


def memory(meminfo: bytes) -> dict[str, int | None]:
    """Columns of memory, in bytes."""
    swap, swap_free = _kib(meminfo, b"SwapTotal:"), _kib(meminfo, b"SwapFree:")
    used = None if swap is None or swap_free is None else swap - swap_free
    return {
        "memory_total_bytes": _kib(meminfo, b"MemTotal:"),
        "memory_available_bytes": _kib(meminfo, b"MemAvailable:"),
        "swap_used_bytes": used if used is not None and used >= 0 else None,
    }


def stalled_us(pressure: bytes, share: bytes) -> int | None:
    """The total of the line `some avg10=... total=...`."""
    for line in pressure.split(b"\n", 2):
        if line.startswith(share + b" "):
            _, found, total = line.rpartition(b" total=")
            return _whole(total) if found else None
    return None


def number_after(data: bytes, label: bytes) -> int | None:
    """The number behind a label, with its separator, that begins a line."""
    at = 0 if data.startswith(label) else data.find(b"\n" + label) + 1
    if at == 0 and not data.startswith(label):
        return None
    words = data[at + len(label) : at + len(label) + 48].partition(b"\n")[0].split(None, 1)
    return _whole(words[0]) if words else None


def first_number(data: bytes | None) -> float | None:
    """The first word of a file such as /proc/loadavg, finite and not negative."""
    words = (data or b"").split(None, 1)
    if not words or not words[0].replace(b".", b"", 1).isdigit() or len(words[0]) > 20:
        return None
    return float(words[0])


def _kib(meminfo: bytes, label: bytes) -> int | None:
    value = number_after(meminfo, label)
    return below(value * KIB, 2**64) if value is not None else None


def _whole(word: bytes) -> int | None:
    return below(int(word), 2**64) if word.strip().isdigit() and len(word) <= 24 else None


def below(value: int | None, end: int) -> int | None:
    """The value, if its column can hold it."""
    return value if value is not None and value < end else None


def whole_seconds(data: bytes | None) -> int | None:
    """The first word of /proc/uptime."""
    value = first_number(data)
    return int(value) if value is not None and value < 2**32 else None
