"""Values between two of our own processes: frames of `length u32` and msgpack, over a pipe or a socket."""

from __future__ import annotations

import struct
from io import BufferedIOBase
from typing import IO, Any

import msgspec

LENGTH = struct.Struct("<I")
MAX_FRAME_BYTES = 1 << 30
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


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
