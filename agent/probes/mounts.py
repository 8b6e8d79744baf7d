"""/proc/self/mountinfo: which mounted file systems are worth a row."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_MOUNTS = 64
MAX_TEXT = 200
PSEUDO = frozenset(
    b"autofs bdev binfmt_misc bpf cgroup cgroup2 configfs cpuset debugfs devfs devpts devtmpfs efivarfs fuse.gvfsd-fuse "
    b"fuse.lxcfs fuse.portal fusectl hugetlbfs iso9660 mqueue nsfs overlay pipefs proc pstore ramfs resctrl "
    b"rpc_pipefs securityfs selinuxfs sockfs squashfs sysfs tmpfs tracefs".split()
)
"""File systems without storage of their own, and read-only images, which are full by nature. Overlays stand on another
mount, which has its own row."""
_ESCAPE = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount; `path` is what to ask, the rest is text that can travel. `read_only` is the file system's own state, not
    that of a bind mount."""

    path: bytes
    mount: str
    device: str
    fstype: str
    read_only: bool


def mounts(mountinfo: bytes) -> list[Mount]:
    """File systems with storage, network ones included, each device once: the mount of its root, else its first."""
    best: dict[bytes, tuple[bool, Mount]] = {}
    for line in mountinfo.splitlines():
        parsed = _parse(line)
        if parsed is None:
            continue
        device, is_root, mount = parsed
        known = best.get(device)
        if known is None or (is_root and not known[0]):
            best[device] = is_root, mount
    return [mount for _, mount in best.values()][:MAX_MOUNTS]


def _parse(line: bytes) -> tuple[bytes, bool, Mount] | None:
    """`id parent major:minor root path options [tags...] - fstype source super-options`"""
    before, separator, after = line.partition(b" - ")
    front, back = before.split(b" "), after.split(b" ")
    if not separator or len(front) < 6 or len(back) < 3 or back[0] in PSEUDO:
        return None
    path, source = _unescaped(front[4]), _unescaped(back[1])
    mount = Mount(path, _text(path), _text(source), _text(back[0]), b"ro" in back[2].split(b","))
    return front[2], front[3] == b"/", mount


def _unescaped(text: bytes) -> bytes:
    """Blanks, tabs, line ends and backslashes are written as \\040 and so on."""
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 8) & 0xFF,)), text)


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")[:MAX_TEXT]
