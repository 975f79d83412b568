"""Where a service sends: targets given at the start, and subscribers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from timbremap_runtime.errors import ConnectionFailed, SettingsError
from timbremap_runtime.service.udp import Address, is_local

MOST_SUBSCRIBERS = 32


@dataclass(frozen=True)
class Target:
    """Where parameters are sent.

    Attributes
    ----------
    address : (str, int)
        Host and port.
    named : bool
        Whether each parameter is also sent by its name.
    z : bool
        Whether the point's place in the latent space is also sent.
    wekinator : bool
        Whether to speak as Wekinator does: ``/wek/outputs``, 0 to 1, and nothing else.
    """

    address: Address
    named: bool = False
    z: bool = False
    wekinator: bool = False


class Targets:
    """The targets of a service; none is where it listens itself.

    Parameters
    ----------
    targets : sequence of Target
        Those from the start.
    """

    def __init__(self, targets: Sequence[Target]):
        self._targets = tuple(targets)
        self._own: Address = ("", 0)
        self._family = 0

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)

    async def resolve(self, own: Address, family: int) -> None:
        """Look up every host once, and not again for every packet.

        Parameters
        ----------
        own : (str, int)
            Where the service listens.
        family : int
            Of its socket.

        Raises
        ------
        ConnectionFailed
            A host is unknown.
        SettingsError
            A target is where the service listens.
        """
        self._own, self._family = own, family
        self._targets = tuple([await _resolved(target, family) for target in self._targets])
        for target in self._targets:
            self._check_is_not_own(target.address, "--to")

    def subscribe(self, target: Target) -> None:
        """Add a target, in place of one with the same address.

        Raises
        ------
        SettingsError
            There are too many, or it is where the service listens.
        """
        others = [other for other in self._targets if other.address != target.address]
        if len(others) >= MOST_SUBSCRIBERS:
            raise SettingsError(
                f"subscriber limit ({MOST_SUBSCRIBERS}) reached; unsubscribe one first"
            )
        self._check_is_not_own(target.address, "/tm/subscribe")
        self._targets = (*others, target)

    def unsubscribe(self, address: Address) -> None:
        """Remove a target, if it is one."""
        self._targets = tuple(each for each in self._targets if each.address != address)

    def _check_is_not_own(self, address: Address, option: str) -> None:
        """Refuse an address from which everything would come back."""
        (host, port), (own_host, own_port) = address, self._own
        everywhere = own_host in ("0.0.0.0", "::")
        if port == own_port and (host == own_host or (everywhere and is_local(host, self._family))):
            raise SettingsError(
                f"port {port} is where messages come in; give another port to {option}"
            )


async def _resolved(target: Target, family: int) -> Target:
    loop = asyncio.get_running_loop()
    host, port = target.address
    try:
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        raise ConnectionFailed(
            f"cannot send to {host}:{port} ({reason}); give another host to --to"
        ) from None
    return replace(target, address=found[0][4][:2])
