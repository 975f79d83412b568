"""A UDP socket in an event loop that reads all the packets that wait, then says so once.

asyncio's own endpoint reads one packet each turn of its loop; a service whose latest value wins
then answers what is old already. Here a burst is read in one go, and answered once.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from timbremap_runtime.errors import ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Callable

Address = tuple[str, int]
"""Host and port."""

LARGEST_PACKET = 65_536
MOST_AT_ONCE = 128
"""Packets; after so many the timers and the rest of the loop get their turn."""


class UdpSocket:
    """A bound UDP socket.

    Parameters
    ----------
    bound : socket
        Bound to where it listens.
    on_packet : callable
        Is given each packet and its sender.
    on_drained : callable
        Is called when all that waited was given.
    """

    def __init__(
        self,
        bound: socket.socket,
        on_packet: Callable[[bytes, Address], None],
        on_drained: Callable[[], None],
    ):
        self._socket = bound
        self._on_packet = on_packet
        self._on_drained = on_drained
        self._task: asyncio.Task[None] | None = None
        self.address: Address = bound.getsockname()[:2]
        self._loop = asyncio.get_running_loop()
        bound.setblocking(False)
        # Packets wait here while a model's first frame or Python's memory takes its time.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)  # a target may be a network
        try:
            self._loop.add_reader(bound, self._read)
        except NotImplementedError:  # the loop of Windows
            self._task = self._loop.create_task(self._keep_reading())

    @property
    def family(self) -> int:
        """IPv4 or IPv6, as the socket module numbers them."""
        return self._socket.family

    def send(self, packet: bytes, to: Address) -> bool:
        """Send a packet; return whether the system took it."""
        try:
            self._socket.sendto(packet, to)
        except OSError:  # no way there, or its queue is full: a later frame says it again
            return False
        return True

    def close(self) -> None:
        """Stop listening."""
        if self._task:
            self._task.cancel()
        elif self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        receive, take = self._socket.recvfrom, self._on_packet
        with suppress(BlockingIOError):
            for _ in range(MOST_AT_ONCE):
                try:
                    packet, sender = receive(LARGEST_PACKET)
                except ConnectionResetError:  # Windows says so of a packet that nobody took
                    continue
                take(packet, sender[:2])
        self._on_drained()

    async def _keep_reading(self) -> None:
        while True:
            with suppress(ConnectionResetError):
                packet, sender = await self._loop.sock_recvfrom(self._socket, LARGEST_PACKET)
                self._on_packet(packet, sender[:2])
                self._read()


async def bind(host: str, port: int) -> socket.socket:
    """Bind a UDP socket.

    Raises
    ------
    ConnectionFailed
        The host is unknown, or the port cannot be listened on.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise ConnectionFailed(
            f"cannot listen on {host}:{port}: unknown host; choose another --host"
        ) from None
    # "localhost" may be ::1 first, where no patch that sends to 127.0.0.1 would be heard.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        way_out = {
            errno.EADDRINUSE: "end the program that uses it, or choose another --port",
            errno.EADDRNOTAVAIL: "--host takes an address of this machine, or 0.0.0.0 for all",
        }.get(error.errno or 0, "choose another --port or --host")
        raise ConnectionFailed(
            f"cannot listen on {host}:{port} ({error.strerror}); {way_out}"
        ) from None
    return bound


def is_local(host: str, family: int) -> bool:
    """Whether an address is one of this machine."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
