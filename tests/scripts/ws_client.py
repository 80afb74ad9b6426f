"""Talks to an echoing WebSocket server. Its argument is the URL; it prints `all echoed`."""

import asyncio
import sys

from websockets.asyncio.client import connect


async def one(url, number):
    async with connect(url, max_size=None) as connection:
        for size in (0, 1, 125, 126, 65535, 65536, 300_000):
            for message in ("ä" * (size // 2), bytes(range(256)) * (size // 256 + 1)):
                await connection.send(message)
                assert await connection.recv() == message, (number, size)
        await asyncio.wait_for(await connection.ping(b"are you there"), 10)
        burst = [f"{number}-{i}" for i in range(200)]
        for message in burst:
            await connection.send(message)
        for message in burst:
            assert await connection.recv() == message
        await connection.close(4001, "done here")
        assert connection.close_code == 4001


async def main():
    await asyncio.gather(*(one(sys.argv[1], number) for number in range(8)))
    print("all echoed")


asyncio.run(main())
