"""Values between two of our own processes: frames of `length u32` and msgpack, over a pipe or a socket."""

from __future__ import annotations

import os
import select
import struct
import time
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import IO, Any

import msgspec

LENGTH = struct.Struct("<I")
MAX_FRAME_BYTES = 1 << 30
READ_BYTES = 1 << 20
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def socket_address(path: Path) -> str:
    """The path as a socket address; addresses end at 108 bytes, so a long one goes through its folder's descriptor."""
    if len(os.fsencode(path)) < 100:
        return str(path)
    return f"/proc/self/fd/{os.open(path.parent, os.O_PATH | os.O_DIRECTORY)}/{path.name}"


def write_frame(stream: IO[bytes] | BufferedIOBase, value: Any) -> None:
    """One value, framed."""
    body = _encoder.encode(value)
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes] | BufferedIOBase) -> Any:
    """One value; EOFError when the other side has gone or talks nonsense."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        raise EOFError("connection closed")
    (length,) = LENGTH.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise EOFError(f"frame of {length} bytes refused")
    body = stream.read(length)
    if len(body) < length:
        raise EOFError("connection closed in mid-frame")
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EOFError(f"not a frame: {error}") from error


def read_frame_until(fd: int, deadline_s: float) -> Any:
    """One value from a pipe, None if it has not come whole in time; EOFError as `read_frame`. After a None the pipe stands in
    the middle of a frame: it is of no more use."""
    until_s = time.monotonic() + deadline_s
    waiting = select.poll()  # not select: a process may hold a thousand descriptors
    waiting.register(fd, select.POLLIN)
    data = b""
    while len(data) < LENGTH.size or len(data) < LENGTH.size + LENGTH.unpack_from(data)[0]:
        if len(data) >= LENGTH.size and LENGTH.unpack_from(data)[0] > MAX_FRAME_BYTES:
            raise EOFError("frame refused")
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not waiting.poll(left_s * 1_000):
            return None
        part = os.read(fd, READ_BYTES)
        if not part:
            raise EOFError("connection closed")
        data += part
    return read_frame(BytesIO(data))
