"""A TCP proxy that says goodbye on behalf of clients that were killed: `tcp_proxy.py LISTEN_PORT TARGET_PORT`.

This build of the engine aborts when a client's connection is reset, which its server edition does not. A killed client
resets. Here the server sees the end of the stream instead; what it still had to say is read and thrown away.
"""

import asyncio
import contextlib
import sys

CHUNK = 1 << 18


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until the source ends; a sink that has gone swallows the rest."""
    alive = True
    while True:
        try:
            data = await source.read(CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            break
        if alive:
            try:
                sink.write(data)
                await sink.drain()
            except ConnectionError:
                alive = False
    with contextlib.suppress(ConnectionError, OSError, RuntimeError):
        sink.write_eof()


async def serve(listen_port: int, target_port: int) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_target, to_target = await asyncio.open_connection("127.0.0.1", target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, to_target), pump(from_target, writer))
        for end in (to_target, writer):
            end.close()

    server = await asyncio.start_server(handle, "127.0.0.1", listen_port, limit=CHUNK)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
