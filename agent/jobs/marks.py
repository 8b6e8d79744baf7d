"""The socket where running jobs mark steps and checkpoints. Bounded in what it reads, keeps and believes."""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from clusterctl.agent.jobs.datagram import MAX_BYTES, Claim, parse_datagram
from clusterctl.clock import MS_PER_S, Clock, SystemClock
from clusterctl.errors import ClusterctlError
from clusterctl.frames import socket_address

MARKS_PER_S = 200
"""Of one process; a training step takes longer than 5 ms."""
READS_PER_S = 1_000
"""Of all processes together: what a flood may cost the agent. The rest waits in the kernel's short queue, where senders
see that it is full."""
MAX_SENDERS = 4096
MAX_COUNT = 2**63 - 1
_CREDENTIALS = struct.Struct("3i")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_CREDENTIALS.size)


@dataclass(frozen=True, slots=True)
class Mark:
    """A claim, with what the kernel and the agent's clock know of it."""

    claim: Claim
    pid: int
    """Sender, in the agent's pid namespace; 0 if it lives outside of that."""
    uid: int
    received_ms: int


@dataclass(slots=True)
class _Sender:
    """What is remembered of one process."""

    second: int
    marks: int = 0
    dropped: int = 0


class MarkSocket:
    """A datagram socket that any job may write to. Counts what it refuses; never blocks."""

    def __init__(self, path: Path, mode: int = 0o666, clock: Clock | None = None) -> None:
        """Bind it, in the place of a socket that an earlier agent left. Raises ClusterctlError if something else is there,
        or OSError if the path cannot be used."""
        self._clock = clock or SystemClock()
        self._path = path
        self._senders: OrderedDict[int, _Sender] = OrderedDict()
        self._second, self._reads = 0, 0
        self.rejected = 0
        """Datagrams that are no marks."""
        self.limited = 0
        """Marks beyond the rate of their process."""
        self.dropped = 0
        """Marks that jobs say they could not send."""
        _make_directory(path.parent)
        _unlink_socket(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._socket.bind(socket_address(path))
            self._inode = _open_to_all(path, mode)
        except OSError:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def fileno(self) -> int:
        """For poll and select."""
        return self._socket.fileno()

    def wait(self, timeout_s: float) -> bool:
        """Whether a mark lies ready. The kernel queues few datagrams (net.unix.max_dgram_qlen, often 10), so a reader
        waits for them here and does not look once a second. In a flood it waits for the second to end."""
        if self._left() > 0:
            return bool(self._poll.poll(timeout_s * MS_PER_S))
        self._clock.sleep_s(min(timeout_s, 1.0 - self._clock.monotonic_s() % 1.0))
        return False

    def receive(self, limit: int) -> list[Mark]:
        """What lies ready, at most `limit` datagrams, good and bad ones together, and a thousand in a second."""
        marks = []
        for _ in range(min(limit, self._left())):
            try:
                # a byte more than a mark may have, so that a long one is not read as its beginning
                data, ancillary, _flags, _address = self._socket.recvmsg(MAX_BYTES + 1, _ANCILLARY_BYTES)
            except BlockingIOError:
                break
            self._reads += 1
            mark = self._judge(data, ancillary)
            if mark is not None:
                marks.append(mark)
        return marks

    def _left(self) -> int:
        """Reads that this second has left."""
        second = int(self._clock.monotonic_s())
        if second != self._second:
            self._second, self._reads = second, 0
        return READS_PER_S - self._reads

    def _judge(self, data: bytes, ancillary: list[tuple[int, int, bytes]]) -> Mark | None:
        pid, uid = _credentials(ancillary)
        now_ms = self._clock.now_ms()
        sender = self._sender(pid)
        if not self._within_rate(sender):
            self.limited += 1
            return None
        claim = parse_datagram(data)
        if claim is None:
            self.rejected += 1
            return None
        # the sender counts from its start; a smaller number than before is a new process under the same pid
        news = claim.dropped - sender.dropped if claim.dropped >= sender.dropped else claim.dropped
        self.dropped = min(self.dropped + news, MAX_COUNT)
        sender.dropped = claim.dropped
        return Mark(claim, pid, uid, now_ms)

    def _sender(self, pid: int) -> _Sender:
        known = self._senders.get(pid)
        if known is None:
            known = self._senders[pid] = _Sender(int(self._clock.monotonic_s()))
            if len(self._senders) > MAX_SENDERS:
                self._senders.popitem(last=False)
        self._senders.move_to_end(pid)
        return known

    def _within_rate(self, sender: _Sender) -> bool:
        second = int(self._clock.monotonic_s())
        if second != sender.second:
            sender.second, sender.marks = second, 0
        sender.marks += 1
        return sender.marks <= MARKS_PER_S

    def close(self) -> None:
        """Close it and take its name away, unless the name belongs to a newer socket by now."""
        self._socket.close()
        try:
            found = os.lstat(self._path)
        except OSError:
            return
        if (found.st_dev, found.st_ino) == self._inode:
            self._path.unlink(missing_ok=True)


def _make_directory(directory: Path) -> None:
    """Make it if it is missing, so that jobs can pass through it whatever the agent's umask is."""
    if not directory.exists():
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)


def _unlink_socket(path: Path) -> None:
    """Take a stale socket away; only a socket that nobody reads, and never what a link points to."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ClusterctlError(f"{path} is in the way: it is not a socket", hint="move it away, or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as probe:
        if probe.connect_ex(socket_address(path)) == 0:
            raise ClusterctlError(f"{path} has a reader already", hint="is another agent running on this node?")
    os.unlink(path)


def _open_to_all(path: Path, mode: int) -> tuple[int, int]:
    """Set the mode of exactly what was bound, whatever its name points to by now; its device and inode."""
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        bound = os.fstat(handle)
        os.chmod(f"/proc/self/fd/{handle}", mode)
        return bound.st_dev, bound.st_ino
    finally:
        os.close(handle)


def _credentials(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    """Process and user of the sender, from the kernel; 0 and the overflow user if there are none."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(data) >= _CREDENTIALS.size:
            pid, uid, _gid = _CREDENTIALS.unpack_from(data)
            return max(pid, 0), uid
    return 0, 65_534
