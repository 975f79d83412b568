"""OSC packets: strict in what is read, quick in what is written.

A packet is a message or a bundle of packets (OSC 1.0). Arguments are read of the types that a
service can use: ``i h`` whole numbers, ``f d`` floating point, ``s S`` text, ``T F`` truth,
``N I`` nothing. A packet with any other, or one that is not whole, is refused: python-osc skips a
type that it does not know without its bytes, fills up what is missing, and so reads numbers that
nobody sent.

One leniency is kept: the last ``f`` of a message may lack its final zero bytes, as Reaktor sends
it.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct, unpack_from
from typing import TYPE_CHECKING, Any, NamedTuple

from timbremap_runtime.errors import FormatError, MissingExtra

try:
    from pythonosc.osc_message_builder import build_msg
except ImportError:
    raise MissingExtra("python-osc", "osc") from None

if TYPE_CHECKING:
    from collections.abc import Sequence

BUNDLE = b"#bundle\0"
DEEPEST = 16
"""Bundles in bundles; more is an attack on the stack."""
NUMBERS = {"i": Struct(">i"), "h": Struct(">q"), "f": Struct(">f"), "d": Struct(">d")}
CONSTANTS = {"T": True, "F": False, "N": None, "I": None}
LONGEST_HEAD = 512
"""Bytes of address and type tags that are recognized; what is kept of a flood must stay small."""
LARGEST_FLOAT = 3.4028234663852886e38
"""Of single precision."""


class OscMessage(NamedTuple):
    """An address and its arguments."""

    address: str
    values: tuple[Any, ...]


def decode(packet: bytes) -> list[OscMessage]:
    """Read all messages of a packet, in order.

    Raises
    ------
    FormatError
        The packet is not whole, or holds a type that a service cannot use.
    """
    head = _head_of_frame(packet)
    if head is not None:
        address, numbers, start = head
        if len(packet) == start + numbers.size:
            return [OscMessage(address, numbers.unpack_from(packet, start))]
    return _decode(packet, 0)


def encode(address: str, values: Sequence[Any]) -> bytes:
    """Write a message of text and numbers."""
    # A file name may hold bytes that are not UTF-8; Python has stand-ins for them, OSC has not.
    return build_msg(
        address,
        [
            value.encode(errors="replace").decode() if isinstance(value, str) else value
            for value in values
        ],
    ).dgram


def encode_frame(address: str, values: Sequence[float]) -> bytes:
    """Write a message of floating-point numbers; those beyond single precision are its largest."""
    head, numbers = _frame_format(address, len(values))
    try:
        return head + numbers.pack(*values)
    except OverflowError:
        return head + numbers.pack(
            *(min(max(value, -LARGEST_FLOAT), LARGEST_FLOAT) for value in values)
        )


def _head_of_frame(packet: bytes) -> tuple[str, Struct, int] | None:
    """Recognize a message of floats alone, by its bytes up to the first; None for any other."""
    comma = packet.find(b",", 0, LONGEST_HEAD)
    end = packet.find(b"\0", comma, LONGEST_HEAD)
    if comma < 0 or end < 0:
        return None
    return _known_head(packet[: (end & -4) + 4])


@lru_cache(maxsize=1024)  # those that come again and again are few; a flood of others is forgotten
def _known_head(head: bytes) -> tuple[str, Struct, int] | None:
    try:
        address, at = _text(head, 0)
        tags, at = _text(head, at)
    except FormatError:
        return None
    if not address.startswith("/") or tags != "," + "f" * (len(tags) - 1) or at != len(head):
        return None
    return address, Struct(f">{len(tags) - 1}f"), at


@lru_cache(maxsize=1024)
def _frame_format(address: str, size: int) -> tuple[bytes, Struct]:
    return _padded(address) + _padded("," + "f" * size), Struct(f">{size}f")


def _padded(text: str) -> bytes:
    data = text.encode()
    return data + b"\0" * (4 - len(data) % 4)


def _decode(packet: bytes, depth: int) -> list[OscMessage]:
    if not packet.startswith(BUNDLE):
        return [_message(packet)]
    if depth == DEEPEST:
        raise FormatError(f"bundles are nested deeper than {DEEPEST}; send plain messages")
    messages: list[OscMessage] = []
    at = len(BUNDLE) + 8  # the time tag is not used: what comes is played at once
    if len(packet) < at:
        raise FormatError("the bundle is truncated; send it whole")
    while at < len(packet):
        if len(packet) < at + 4:
            raise FormatError("the bundle is truncated; send it whole")
        (size,) = unpack_from(">i", packet, at)
        at += 4
        if not 0 < size <= len(packet) - at:
            raise FormatError("the bundle is truncated; send it whole")
        messages += _decode(packet[at : at + size], depth + 1)
        at += size
    return messages


def _message(packet: bytes) -> OscMessage:
    if not packet.startswith(b"/"):
        raise FormatError("not an OSC packet; begin a message with /")
    address, at = _text(packet, 0)
    if at >= len(packet):
        return OscMessage(address, ())  # older senders leave out the types where there are none
    if packet[at : at + 1] != b",":
        raise FormatError(f"{address!r:.80}: no type tags; send them, as OSC 1.0 requires")
    tags, at = _text(packet, at)
    values: list[Any] = []
    for place, tag in enumerate(tags[1:], start=2):
        number = NUMBERS.get(tag)
        if number is not None:
            missing = at + number.size - len(packet)
            if missing > 0:
                if tag != "f" or missing == number.size or place != len(tags):
                    raise FormatError(
                        f"{address!r:.80}: fewer values than type tags {tags!r:.40}; send one each"
                    )
                packet += b"\0" * missing
            values += number.unpack_from(packet, at)
            at += number.size
        elif tag in "sS":
            text, at = _text(packet, at)
            values.append(text)
        elif tag in CONSTANTS:
            values.append(CONSTANTS[tag])
        else:
            raise FormatError(
                f"{address!r:.80}: argument type {tag!r} is not supported; send numbers as"
                " f, i, d or h and names as s"
            )
    if at < len(packet):
        raise FormatError(
            f"{address!r:.80}: more values than type tags {tags!r:.40}; send one each"
        )
    return OscMessage(address, tuple(values))


def _text(packet: bytes, start: int) -> tuple[str, int]:
    """Read a text that ends in one to four zeros; give where the next thing begins."""
    end = packet.find(b"\0", start)
    after = (end & -4) + 4
    if end < 0 or after > len(packet):
        raise FormatError("a string is not terminated; send the packet whole")
    try:
        return packet[start:end].decode(), after
    except UnicodeDecodeError:
        raise FormatError("a string is not UTF-8; send ASCII or UTF-8") from None
