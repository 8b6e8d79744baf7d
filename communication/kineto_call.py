"""What newer versions of Kineto tell of a collective beside its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from clusterctl.communication.activity import Call
from clusterctl.communication.collectives import element_bytes, shape_of

MAX_TEXT = 200
MAX_ARGS_BYTES = 1 << 20
"""Of one event: what is built of a text takes many times its length."""


class GpuArgs(
    msgspec.Struct,
    gc=False,
    rename={
        "collective": "Collective name", "elements_in": "In msg nelems", "elements_out": "Out msg nelems",
        "size": "Group size", "group": "Process Group Name", "label": "Process Group Description",
        "ranks": "Process Group Ranks", "sequence": "Seq", "sender": "Src Rank", "receiver": "Dst Rank",
        "communicator": "Comms Id",
    },
):  # fmt: skip
    """Members of `args` by their names in the trace."""

    device: Any = None
    collective: Any = None
    elements_in: Any = None
    elements_out: Any = None
    dtype: Any = None
    size: Any = None
    group: Any = None
    label: Any = None
    ranks: Any = None
    sequence: Any = None
    sender: Any = None
    receiver: Any = None
    communicator: Any = None


class Launch(msgspec.Struct, gc=False):
    """How a kernel was launched."""

    grid: Any = None


NO_ARGS = GpuArgs()
MAX_BLOCKS = 1 << 30
_LAUNCH = msgspec.json.Decoder(Launch)
_MANY = msgspec.json.Decoder(list[GpuArgs])


def decode_args(texts: Sequence[msgspec.Raw]) -> list[GpuArgs]:
    """All at once; where one of them is no object, one by one."""
    try:
        return _MANY.decode(b"[" + b",".join([_usable(text) or b"{}" for text in texts]) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [_one(text) for text in texts]


def _usable(text: msgspec.Raw) -> bytes:
    found = bytes(text)
    return found if len(found) <= MAX_ARGS_BYTES else b""


def _one(text: msgspec.Raw) -> GpuArgs:
    try:
        return msgspec.json.decode(_usable(text), type=GpuArgs)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NO_ARGS


def blocks_of(text: msgspec.Raw) -> int:
    """Thread blocks of a launch; -1 where the trace does not tell, as on ROCm."""
    try:
        grid = _LAUNCH.decode(text).grid
    except (msgspec.DecodeError, UnicodeDecodeError):
        return -1
    if not isinstance(grid, list) or len(grid) != 3 or any(type(side) is not int or side < 1 for side in grid):
        return -1
    blocks: int = grid[0] * grid[1] * grid[2]
    return min(MAX_BLOCKS, blocks)


def call_of(args: GpuArgs) -> Call:
    """The collective's shape."""
    name = _text(args.collective)
    shape = shape_of(name)
    group, ranks = _text(args.group), _text(args.ranks)
    size = args.size if type(args.size) is int and 0 < args.size < 1 << 31 else None
    elements = args.elements_out if shape.sized_by_output else args.elements_in
    width = element_bytes(_text(args.dtype))
    told = type(elements) is int and 0 <= elements < 1 << 50
    p2p = shape.name in ("send", "recv", "send_recv")
    pair = f"{_text(args.sender)}>{_text(args.receiver)}" if args.sender is not None else ""
    return Call(
        name=shape.name if shape.name != "other" else name,
        group="|".join((group, ranks)) if group or ranks else "",
        label=_text(args.label) or group,
        size=size,
        message_bytes=elements * width if told and width else None,
        p2p=p2p,
        source=pair,
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else str(value))[:MAX_TEXT]
