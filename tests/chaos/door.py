"""Doors: TCP proxies in a thread of this process that can be shut, in five ways, while clients are inside.

A door never resets the connection to its target: the engine build behind one of them aborts when that happens."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import threading
from collections.abc import Coroutine
from typing import Any

CHUNK = 1 << 16


class Mode(enum.Enum):
    """What happens to those who come, and to those who are inside."""

    OPEN = "open"
    REFUSED = "refused"
    """Nobody listens, and everybody is thrown out."""
    SWALLOWED = "swallowed"
    """Connections are taken and what is said is thrown away; they break when the door opens again."""
    FROZEN = "frozen"
    """Nothing moves; it goes on where it stopped."""
    SLOW = "slow"
    """Every chunk waits."""
    CUT = "cut in mid-reply"
    """Each connection breaks after so many bytes of replies: the deed is done and nobody hears of it."""


class DoorKeeper:
    """The thread in which all doors of a process live."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doors", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it there, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10.0)

    def close(self) -> None:
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10.0)
        self._loop.close()

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Link:
    """One connection through a door."""

    def __init__(self, client: asyncio.StreamWriter, target: asyncio.StreamWriter) -> None:
        self.client, self.target = client, target
        self.lied = False
        """Something was swallowed: it cannot go on."""
        self.reply_left = 0

    def cut(self) -> None:
        """The client sees a reset, the target the end of the stream."""
        self.client.transport.abort()
        with contextlib.suppress(OSError, RuntimeError):
            self.target.write_eof()


class Door:
    """From `port` to a target on loopback."""

    def __init__(self, keeper: DoorKeeper, name: str, port: int, target: int) -> None:
        self.name, self.port, self.target = name, port, target
        self.mode = Mode.OPEN
        self._amount = 0.0
        self._target_up = True
        self._keeper = keeper
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None
        self._turned: asyncio.Event | None = None
        keeper.run(self._listen())

    def set(self, mode: Mode, amount: float = 0.0) -> None:
        """`amount` is the seconds of SLOW and the bytes of CUT."""
        self._keeper.run(self._set(mode, amount))

    def follow(self, target_up: bool) -> None:
        """A target that is down refuses, and so does its door."""
        self._target_up = target_up
        self._keeper.run(self._set(self.mode, self._amount))

    async def _set(self, mode: Mode, amount: float) -> None:
        before, self.mode, self._amount = self.mode, mode, amount
        listen = self._target_up and mode is not Mode.REFUSED
        for link in list(self._links):
            link.reply_left = int(amount)
            if not listen or (before is Mode.SWALLOWED and link.lied):
                link.cut()
        if not listen and self._server is not None:
            self._server.close()
            self._server = None
        elif listen and self._server is None:
            await self._listen()
        if self._turned is not None:
            self._turned.set()
        self._turned = asyncio.Event()

    async def _listen(self) -> None:
        self._turned = self._turned or asyncio.Event()
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self.port, limit=CHUNK)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_target, to_target = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, to_target)
        link.reply_left = int(self._amount)
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pump(link, reader, to_target, reply=False), self._pump(link, from_target, writer, reply=True)
            )
        except asyncio.CancelledError:
            return  # the keeper closes; asyncio's own callback would print this
        finally:
            self._links.discard(link)
            for end in (to_target, writer):
                with contextlib.suppress(OSError, RuntimeError):
                    end.close()

    async def _pump(self, link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, reply: bool) -> None:
        """Copy until the source ends; a sink that has gone swallows the rest."""
        while data := await _read(source):
            data = await self._pass(link, data, reply=reply)
            with contextlib.suppress(ConnectionError, RuntimeError):
                sink.write(data)
                await sink.drain()
        with contextlib.suppress(OSError, RuntimeError):
            sink.write_eof()

    async def _pass(self, link: Link, data: bytes, *, reply: bool) -> bytes:
        """What of it goes on, when its time has come."""
        while self.mode is Mode.FROZEN and self._turned is not None:
            await self._turned.wait()
        if self.mode is Mode.SWALLOWED:
            link.lied = True
            return b""
        if self.mode is Mode.SLOW:
            await asyncio.sleep(self._amount)
        elif self.mode is Mode.CUT and reply:
            data, link.reply_left = data[: link.reply_left], link.reply_left - len(data)
            if link.reply_left < 0:
                link.client.write(data)
                link.cut()
                return b""
        return data


async def _read(source: asyncio.StreamReader) -> bytes:
    try:
        return await source.read(CHUNK)
    except ConnectionError:
        return b""
