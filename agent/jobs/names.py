"""User names. A directory service that does not answer must not stop the agent, so it is asked from a thread of its own."""

from __future__ import annotations

import pwd
import queue
import threading
from collections import OrderedDict

MAX_NAMES = 1024
MAX_NAME_CHARS = 64
MAX_WAITING = 64
PATIENCE_S = 0.05
"""Local users are known at once; who waits on a directory gets a number first and a name later."""


class UserNames:
    """`name(uid)`: the name, or the number as text while the name is not known. One thread at most, and none when idle."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, str] = OrderedDict()
        self._wanted: queue.Queue[int] = queue.Queue(MAX_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def name(self, uid: int) -> str:
        """The user's name, within a twentieth of a second."""
        known = self._known.get(uid)
        if known is not None:
            return known
        waiting = self._ask(uid)
        if waiting is not None:
            waiting.join(PATIENCE_S)
        return self._known.get(uid, str(uid))

    def _ask(self, uid: int) -> threading.Thread | None:
        """The thread to wait for, None if it is busy with earlier questions already."""
        try:
            self._wanted.put_nowait(uid)
        except queue.Full:
            return None
        with self._lock:
            if self._thread is not None:
                return None
            self._thread = threading.Thread(target=self._answer, name="user-names", daemon=True)
            self._thread.start()
            return self._thread

    def _answer(self) -> None:
        while True:
            with self._lock:
                try:
                    uid = self._wanted.get_nowait()
                except queue.Empty:
                    self._thread = None
                    return
            self._known[uid] = _lookup(uid)
            if len(self._known) > MAX_NAMES:
                self._known.popitem(last=False)


def _lookup(uid: int) -> str:
    try:
        name = pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)
    return name[:MAX_NAME_CHARS] if name.isprintable() and name else str(uid)
