"""What a service sends: frames to its targets, answers to who asked, errors to both."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.service.packet import encode, encode_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.performance.performer import Performer
    from timbremap_runtime.service.library import NamedMap
    from timbremap_runtime.service.targets import Targets
    from timbremap_runtime.service.traffic import Traffic
    from timbremap_runtime.service.udp import Address, UdpSocket

LOG = logging.getLogger("timbremap.osc")
ERRORS_PER_SECOND = 10
LONGEST_ERROR = 500
"""Characters of an error that is sent."""


class Sender:
    """Writes messages and sends them; before there is a socket nothing is sent.

    Parameters
    ----------
    targets : Targets
        Where frames go.
    traffic : Traffic
        What counts them.
    """

    def __init__(self, targets: Targets, traffic: Traffic):
        self.socket: UdpSocket | None = None
        self._targets = targets
        self._traffic = traffic
        self._errors: list[float] = []

    def parameters(self, performer: Performer, words: Sequence[str]) -> None:
        """Send the parameters as they are now, each target in its way."""
        p = performer.p
        values: list[float] = p.tolist()
        packet = encode_frame("/tm/p", values)
        for target in self._targets:
            if target.wekinator:
                self._send(
                    encode_frame("/wek/outputs", (p / PARAMETER_MAX).tolist()), target.address
                )
                continue
            self._send(packet, target.address)
            if target.named:
                for word, value in zip(words, values, strict=True):
                    self._send(encode_frame(f"/tm/p/{word}", (value,)), target.address)
            if target.z:
                z = performer.mapping.trace(performer.c).z
                self._send(encode_frame("/tm/z", z.tolist()), target.address)

    def point(self, performer: Performer) -> None:
        """Send the point to all targets."""
        packet = encode_frame("/tm/c", performer.c.tolist())
        for target in self._targets:
            if not target.wekinator:
                self._send(packet, target.address)

    def state(self, performer: Performer, to: Address) -> None:
        """Send the point and the parameters to one address."""
        self._send(encode_frame("/tm/c", performer.c.tolist()), to)
        self._send(encode_frame("/tm/p", performer.p.tolist()), to)

    def loaded(self, model: NamedMap, to: Address | None = None) -> None:
        """Say which model is played, to one address or to all targets."""
        name, mapping, names = model
        packet = encode("/tm/loaded", [name, mapping.control_size, mapping.parameter_size, *names])
        others = [target.address for target in self._targets if not target.wekinator]
        for address in others if to is None else [to]:
            self._send(packet, address)

    def answer(self, to: Address, address: str, values: Sequence[Any]) -> None:
        """Send a message to one address."""
        self._send(encode(address, values), to)

    def error(self, text: str, sender: Address | None = None) -> None:
        """Send an error to all targets and to who caused it, unless there were too many lately."""
        self._traffic.errors += 1
        now = monotonic()
        self._errors = [at for at in self._errors if now - at < 1.0]
        if len(self._errors) >= ERRORS_PER_SECOND:
            return
        self._errors.append(now)
        text = "".join(c if c.isprintable() else "?" for c in text)  # it may quote a hostile packet
        LOG.warning("%s", text)
        packet = encode("/tm/error", [text[:LONGEST_ERROR]])
        hearers = [target.address for target in self._targets if not target.wekinator]
        if sender and sender not in (target.address for target in self._targets):
            hearers.append(sender)
        for address in hearers:
            self._send(packet, address)

    def _send(self, packet: bytes, to: Address) -> None:
        if self.socket is None:
            return
        if self.socket.send(packet, to):
            self._traffic.packets_out += 1
        else:
            self._traffic.unsent += 1
