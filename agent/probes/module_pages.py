"""Pages of a plugged-in module's memory over ethtool's netlink interface, which is how CMIS modules (OSFP, QSFP-DD) are read.

The older ioctl gives such modules' memory from few drivers. A socket is opened for each module and closed again: one is
read every ten minutes, and no late answer can be taken for another's.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Protocol

NETLINK_GENERIC = 16
GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 3, 1, 2
MODULE_EEPROM_GET = 31
HEADER, OFFSET, LENGTH, PAGE, BANK, I2C_ADDRESS, DATA = 1, 2, 3, 4, 5, 6, 7
HEADER_DEV_NAME = 2
NESTED = 0x8000
TYPE_MASK = 0x3FFF
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
MODULE_I2C_ADDRESS = 0x50
HALF = 128
"""A page is the upper half of 256 bytes; the lower half is common to all."""
TIMEOUT_S = 10.0
MAX_ANSWER = 65_536
MAX_ATTRIBUTES = 64
_MESSAGE = struct.Struct("=IHHII")
_GENERIC = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")


class ModulePages:
    """One module, as a context: asks for halves of pages until it is left."""

    def __init__(self, interface: str) -> None:
        self._interface = os.fsencode(interface)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_GENERIC)
        self._socket.settimeout(TIMEOUT_S)
        self._sequence = 0
        self.family = 0
        """The kernel's number for ethtool's messages; 0 where it has none."""

    def __enter__(self) -> ModulePages:
        self._socket.bind((0, 0))
        name = attribute(CTRL_ATTR_FAMILY_NAME, b"ethtool\0")
        told = attributes(self._ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, name) or b"")
        self.family = int.from_bytes(told.get(CTRL_ATTR_FAMILY_ID, b"")[:2], sys.byteorder)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def lower(self) -> bytes | None:
        """The 128 bytes that are there whatever page is selected."""
        return self._half(0, 0)

    def page(self, page: int) -> bytes | None:
        """The 128 bytes of a page."""
        return self._half(page, HALF)

    def _half(self, page: int, offset: int) -> bytes | None:
        if not self.family or not 0 < len(self._interface) < 16:
            return None
        wanted = (
            attribute(HEADER | NESTED, attribute(HEADER_DEV_NAME, self._interface + b"\0"))
            + attribute(OFFSET, struct.pack("=I", offset))
            + attribute(LENGTH, struct.pack("=I", HALF))
            + attribute(PAGE, bytes((page,)))
            + attribute(BANK, b"\0")
            + attribute(I2C_ADDRESS, bytes((MODULE_I2C_ADDRESS,)))
        )
        data = attributes(self._ask(self.family, MODULE_EEPROM_GET, wanted) or b"").get(DATA, b"")
        return data if len(data) == HALF else None

    def _ask(self, kind: int, command: int, wanted: bytes) -> bytes | None:
        """The answer's attributes; None for a refusal or for silence."""
        self._sequence += 1
        body = _GENERIC.pack(command, 1, 0) + wanted
        head = _MESSAGE.pack(_MESSAGE.size + len(body), kind, NLM_F_REQUEST, self._sequence, 0)
        try:
            self._socket.send(head + body)
            return answer(self._socket.recv(MAX_ANSWER), self._sequence)
        except OSError:  # a time-out is one too
            return None


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by their kind; what does not fit its length ends them."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data) and len(found) < MAX_ATTRIBUTES:
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            break
        found[kind & TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += length + (-length % 4)
    return found


def answer(message: bytes, sequence: int) -> bytes | None:
    """The attributes of the answer to this request; None for an error or another's answer."""
    if len(message) < _MESSAGE.size + _GENERIC.size:
        return None
    length, kind, _flags, answered, _port = _MESSAGE.unpack_from(message)
    if kind == NLMSG_ERROR or answered != sequence or length > len(message):
        return None
    return message[_MESSAGE.size + _GENERIC.size : length]


class Paged(Protocol):
    """What gives pages: a module, or a test's."""

    def page(self, page: int) -> bytes | None:
        """The 128 bytes of a page."""
        ...


def cmis_memory(pages: Paged, lower: bytes) -> bytes:
    """Lower half, then pages 00h, 01h and 11h, as far as the module has them: one that is flat has the first only."""
    memory = lower
    for number in (0x00,) if lower[2] & 0x80 else (0x00, 0x01, 0x11):
        page = pages.page(number)
        if page is None:
            break
        memory += page
    return memory
