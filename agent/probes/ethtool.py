"""What drivers tell through the ethtool ioctl: names and values of their own statistics, and the module's EEPROM."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import socket
import struct
from collections.abc import Mapping
from typing import Protocol

from clusterctl.agent.probes.module_pages import ModulePages, cmis_memory
from clusterctl.agent.probes.optics import CMIS, CMIS_FLAT_BYTES

SIOCETHTOOL = 0x8946
GDRVINFO, GSTRINGS, GSTATS, GSSET_INFO, GMODULEINFO, GMODULEEEPROM = 0x03, 0x1B, 0x1D, 0x37, 0x42, 0x43
SS_STATS = 1
NAME_BYTES = 32
MAX_STATISTICS = 16_384
MAX_EEPROM_BYTES = 1_024
MAX_INTERFACES = 128
SLACK = 4_096
"""The kernel writes as many entries as the driver has by then, whatever was asked: queues may have been added since."""
_DRVINFO_BYTES = 196
_MODULEINFO_BYTES = 44
_IFREQ = struct.Struct("16sP16x")


class EthtoolSource(Protocol):
    """The drivers' side: the kernel's, or a test's. None is "no answer"."""

    def names(self, interface: str) -> tuple[str, ...] | None:
        """Names of the interface's statistics, in order."""
        ...

    def stats(self, interface: str) -> tuple[int, ...] | None:
        """Their values, in the same order."""
        ...

    def driver(self, interface: str) -> str:
        """Name of the driver, empty if it does not say."""
        ...

    def module_eeprom(self, interface: str) -> bytes | None:
        """Memory of the plugged-in module; may take seconds."""
        ...


class Ethtool:
    """The kernel's answers, over one socket that is kept. Safe to share between threads: no buffer outlives a call."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def names(self, interface: str) -> tuple[str, ...] | None:
        """Stripped, since older drivers have trailing blanks; None where there are no statistics."""
        count = self._count(interface)
        if not count:
            return None
        request = bytearray(12 + (count + SLACK) * NAME_BYTES)
        struct.pack_into("=III", request, 0, GSTRINGS, SS_STATS, count)
        if not self._ask(interface, request):
            return None
        told = min(struct.unpack_from("=I", request, 8)[0], count)
        return tuple(_text(request[at : at + NAME_BYTES]) for at in range(12, 12 + told * NAME_BYTES, NAME_BYTES))

    def stats(self, interface: str) -> tuple[int, ...] | None:
        """All values, unsigned 64 bits each."""
        count = self._count(interface)
        if not count:
            return None
        request = bytearray(8 + (count + SLACK) * 8)
        struct.pack_into("=II", request, 0, GSTATS, count)
        if not self._ask(interface, request):
            return None
        told = min(struct.unpack_from("=I", request, 4)[0], count)
        return struct.unpack_from(f"={told}Q", request, 8)

    def driver(self, interface: str) -> str:
        """Such as mlx5_core."""
        request = bytearray(_DRVINFO_BYTES)
        struct.pack_into("=I", request, 0, GDRVINFO)
        return _text(request[4:36]) if self._ask(interface, request) else ""

    def module_eeprom(self, interface: str) -> bytes | None:
        """The module's memory as far as the driver gives it, at most `MAX_EEPROM_BYTES`. CMIS modules' is laid out as
        `cmis_memory` has it, or is the first 256 bytes; others' as the ioctl has it."""
        paged = self._cmis_eeprom(interface)
        if paged is not None:
            return paged
        flat = self._flat_eeprom(interface)
        return flat[:CMIS_FLAT_BYTES] if flat and flat[0] in CMIS else flat

    def _cmis_eeprom(self, interface: str) -> bytes | None:
        try:
            with ModulePages(interface) as pages:
                lower = pages.lower()
                return cmis_memory(pages, lower) if lower and lower[0] in CMIS else None
        except OSError:  # a kernel, or a sandbox, without this kind of socket
            return None

    def _flat_eeprom(self, interface: str) -> bytes | None:
        info = bytearray(_MODULEINFO_BYTES)
        struct.pack_into("=I", info, 0, GMODULEINFO)
        if not self._ask(interface, info):
            return None
        length = min(struct.unpack_from("=I", info, 8)[0], MAX_EEPROM_BYTES)
        if not length:
            return None
        request = bytearray(16 + length)
        struct.pack_into("=IIII", request, 0, GMODULEEEPROM, 0, 0, length)
        return bytes(request[16:]) if self._ask(interface, request) else None

    def _count(self, interface: str) -> int:
        """Number of statistics now; 0 if there are none or more than we would hold."""
        request = bytearray(20)
        struct.pack_into("=IIQI", request, 0, GSSET_INFO, 0, 1 << SS_STATS, 0)
        if not self._ask(interface, request) or not struct.unpack_from("=Q", request, 8)[0]:
            return 0
        count: int = struct.unpack_from("=I", request, 16)[0]
        return count if count <= MAX_STATISTICS else 0

    def _ask(self, interface: str, request: bytearray) -> bool:
        name = os.fsencode(interface)
        if len(name) > 15:
            return False
        memory = ctypes.c_char.from_buffer(request)  # holds the buffer in place during the call
        try:
            fcntl.ioctl(self._socket.fileno(), SIOCETHTOOL, _IFREQ.pack(name, ctypes.addressof(memory)))
        except OSError as error:
            if error.errno == errno.EBADF:  # our own socket was closed: no driver's answer
                raise
            return False
        return True


class PickedStatistics:
    """A few sums of an interface's many statistics: names are looked up once, then only the wanted ones are added.

    A sum is None while the driver has none of its names or does not answer."""

    def __init__(self, source: EthtoolSource, patterns: Mapping[str, re.Pattern[str]]) -> None:
        self._source = source
        self._patterns = patterns
        self._picked: dict[str, tuple[int, dict[str, tuple[int, ...]]]] = {}

    def read(self, interface: str) -> dict[str, int | None]:
        """Each pattern's sum."""
        values = self._source.stats(interface)
        if values is None:
            self._picked.pop(interface, None)
            return dict.fromkeys(self._patterns)
        count, places = self._picked.get(interface, (-1, {}))
        if count != len(values):
            places = self._pick(self._source.names(interface) or ())
            if len(self._picked) >= MAX_INTERFACES:
                self._picked.clear()
            self._picked[interface] = (len(values), places)
        return {
            column: sum(values[at] for at in picked) % 2**64 if picked and picked[-1] < len(values) else None
            for column, picked in places.items()
        }

    def _pick(self, names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        return {
            column: tuple(at for at, name in enumerate(names) if pattern.fullmatch(name))
            for column, pattern in self._patterns.items()
        }


def _text(data: bytes | bytearray) -> str:
    return bytes(data).split(b"\0", 1)[0].decode("utf-8", errors="replace").strip()
