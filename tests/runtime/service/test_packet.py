from __future__ import annotations

import struct
import tracemalloc
from math import inf, nan

import numpy as np
import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage as TheirMessage
from pythonosc.osc_message_builder import build_msg

from tests.support.osc_client import hostile
from timbremap_runtime.errors import FormatError
from timbremap_runtime.service.packet import DEEPEST, LARGEST_FLOAT, decode, encode, encode_frame


@pytest.mark.parametrize(
    "values",
    [(), (0.5,), (1, -2), (0.25, 1, "fm"), ("ä",), (True, False, None), (2**40, 0.5), ("", 1.0)],
)
def test_messages_are_read_as_another_library_writes_them(values: tuple[object, ...]):
    packet = build_msg("/tm/c", list(values)).dgram  # pyright: ignore[reportArgumentType]
    assert decode(packet) == [("/tm/c", pytest.approx(values))]


def test_frames_are_written_as_another_library_writes_them():
    for size in range(9):
        values = np.random.default_rng(size).normal(size=size).tolist()
        assert encode_frame("/tm/p", values) == build_msg("/tm/p", values).dgram
    assert encode("/tm/loaded", ["fm", 3]) == build_msg("/tm/loaded", ["fm", 3]).dgram


def test_what_single_precision_cannot_hold_is_its_largest():
    (message,) = decode(encode_frame("/tm/p", [1e308, -1e308, inf, 1.0]))
    assert message.values[:2] == (LARGEST_FLOAT, -LARGEST_FLOAT)


def test_a_name_that_is_not_text_is_sent_all_the_same():
    assert decode(encode("/tm/loaded", ["caf\udce9"])) == [("/tm/loaded", ("caf?",))]


def test_bundles_are_read_in_order_and_in_each_other():
    inner, outer = OscBundleBuilder(IMMEDIATELY), OscBundleBuilder(IMMEDIATELY)
    inner.add_content(build_msg("/b", [2.0]))
    outer.add_content(build_msg("/a", [1.0]))
    outer.add_content(inner.build())
    outer.add_content(build_msg("/c", [3]))
    assert decode(outer.build().dgram) == [("/a", (1.0,)), ("/b", (2.0,)), ("/c", (3,))]


def test_a_last_float_without_its_final_zeros_is_read_as_reaktor_means_it():
    packet = build_msg("/tm/c", [0.5, 0.5, 0.5]).dgram
    assert packet.endswith(b"\x3f\0\0\0")
    assert decode(packet[:-3]) == [("/tm/c", (0.5, 0.5, 0.5))]
    with pytest.raises(FormatError, match="fewer values"):
        decode(packet[:-4])


FLOATS = struct.pack(">4f", 0.1, 0.2, 0.3, 0.4)


@pytest.mark.parametrize(
    ("packet", "said"),
    [
        (b"/tm/c\0\0\0,cfff\0\0\0" + FLOATS, "type 'c' is not supported"),
        (b"/tm/c\0\0\0,rfff\0\0\0" + FLOATS, "type 'r'"),
        (b"/tm/c\0\0\0,mfff\0\0\0" + FLOATS, "type 'm'"),
        (b"/tm/c\0\0\0,tff\0\0\0\0" + FLOATS, "type 't'"),
        (b"/tm/c\0\0\0,[fff]\0\0" + FLOATS[:12], r"type '\['"),
        (build_msg("/tm/c", [b"blob"]).dgram, "type 'b'"),
        (b"/tm/c\0\0\0,fff\0\0\0\0" + FLOATS, "more values than type tags"),
        (b"/tm/c\0\0\0,ffff\0\0\0" + FLOATS[:12], "fewer values than type tags"),
        (b"/tm/c\0\0\0,ii\0" + FLOATS[:7], "fewer values than type tags"),
        (b"/tm/c\0\0\0" + FLOATS, "no type tags"),
        (b"/tm/c", "not terminated"),
        (b"/tm/load\0\0\0\0,s\0\0one", "not terminated"),
        (b"/tm/\xff\0\0\0", "not UTF-8"),
        (b"", "not an OSC packet"),
        (b"GET / HTTP/1.1\r\n", "not an OSC packet"),
        (b"#bundle\0", "truncated"),
        (b"#bundle\0" + bytes(8) + b"\0\0", "truncated"),
        (b"#bundle\0" + bytes(8) + struct.pack(">i", 99) + b"/a\0\0", "truncated"),
        (b"#bundle\0" + bytes(8) + struct.pack(">i", -4) + b"/a\0\0", "truncated"),
    ],
)
def test_what_is_not_whole_or_of_no_use_is_refused(packet: bytes, said: str):
    with pytest.raises(FormatError, match=said):
        decode(packet)


def test_nothing_of_a_bundle_with_one_bad_message_is_read():
    good, bad = build_msg("/tm/c/0", [0.5]).dgram, b"/tm/c\0\0\0,cfff\0\0\0" + FLOATS
    packet = b"#bundle\0" + bytes(8)
    for each in (good, bad):
        packet += struct.pack(">i", len(each)) + each
    with pytest.raises(FormatError):
        decode(packet)


def test_bundles_are_not_followed_for_ever():
    packet = build_msg("/a", []).dgram
    for depth in range(2 * DEEPEST):
        packet = b"#bundle\0" + bytes(8) + struct.pack(">i", len(packet)) + packet
        if depth < DEEPEST - 1:
            assert len(decode(packet)) == 1
    with pytest.raises(FormatError, match="nested"):
        decode(packet)


def test_little_is_kept_of_a_flood_of_long_messages():
    n = 1_023
    tags, values = b"," + b"f" * n + bytes(4), bytes(4 * n)
    decode(b"/first\0\0" + tags + values)
    tracemalloc.start()
    try:
        for i in range(100):
            assert len(decode(b"/%06d\0" % i + tags + values)[0].values) == n
        assert tracemalloc.get_traced_memory()[0] < 2**16
    finally:
        tracemalloc.stop()


def test_any_packet_is_refused_or_read_as_another_library_reads_it():
    generator = np.random.default_rng(0)
    n_read = 0
    for _ in range(20_000):
        packet = hostile(generator, ("127.0.0.1", 9000))
        try:
            messages = decode(packet)
        except FormatError as error:
            assert "\n" not in str(error)
            continue
        n_read += 1
        if packet.startswith(b"/") and not {*b"SI"} & {*packet}:  # types that it does not know
            (ours,), theirs = messages, TheirMessage(packet)
            assert ours.address == theirs.address
            assert ours.values == pytest.approx(tuple(theirs.params), nan_ok=True)
    assert n_read > 1000


def test_numbers_that_are_not_finite_are_read_as_they_are():
    assert decode(encode_frame("/tm/c", [nan, inf])) == [
        ("/tm/c", pytest.approx((nan, inf), nan_ok=True))
    ]
