from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbremap_jax.data.audio.audio_file import AudioFile
from timbremap_jax.data.audio.sounds import read_wav
from timbremap_runtime.errors import FormatError, PathError

RATE = 44_100
N_SAMPLES = 3000

FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"),
    ("WAV", "PCM_U8"), ("WAV", "ULAW"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("AIFF", "PCM_16"),
    ("AU", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"),
]  # fmt: skip
EXACT = {"PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-23, "FLOAT": 0.0, "DOUBLE": 0.0}
"""How far a sample may be off that a format has rounded."""


def tone(n_channels: int = 1) -> np.ndarray:
    t = np.arange(N_SAMPLES) / RATE
    channels = [0.5 * np.sin(2 * np.pi * 440 * (1 + at) * t) for at in range(n_channels)]
    return np.stack(channels, axis=1).astype(np.float32)


def encoded(container: str, subtype: str, n_channels: int = 1) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, tone(n_channels), RATE, format=container, subtype=subtype)
    return content.getvalue()


def pcm16(riff_size: int, data_size: int, n_there: int, before: bytes = b"") -> bytes:
    """A WAV whose sizes say what they like, with so many samples behind them."""
    samples = (tone()[:n_there, 0] * 2**15).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        struct.pack("<4sI4s4sI", b"RIFF", riff_size, b"WAVE", b"fmt ", 16) + form + before
        + struct.pack("<4sI", b"data", data_size) + samples
    )  # fmt: skip


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_format_is_read_as_libsndfile_reads_it_at_once_and_in_parts(
    tmp_path: Path, container: str, subtype: str, n_channels: int
):
    content = encoded(container, subtype, n_channels)
    expected, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    path = tmp_path / "sound.raw"  # the content counts, not the name
    path.write_bytes(content)
    with AudioFile(path) as file:
        assert (file.sample_rate, file.n_channels) == (RATE, n_channels)
        whole = file.read(10 * N_SAMPLES)
        assert file.shortfall is None
        file.rewind()
        parts = [file.read(700), file.read(1), *file.blocks()]
    assert whole.dtype == np.float32
    assert np.array_equal(whole, expected)
    assert np.array_equal(np.concatenate(parts), expected)
    with AudioFile(path, content) as file:
        assert np.array_equal(file.read(N_SAMPLES), expected[:N_SAMPLES])
    if subtype in EXACT:
        assert np.abs(whole - tone(n_channels)).max() <= EXACT[subtype]


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [
        (36 + 2 * N_SAMPLES, 2 * N_SAMPLES),
        (37 + 2 * N_SAMPLES, 2 * N_SAMPLES),  # odd, as some recorders count
        (99 + 2 * N_SAMPLES, 2 * N_SAMPLES),
        (0, 2 * N_SAMPLES),
        (0xFFFFFFFF, 2 * N_SAMPLES),
        (0x7FFFF024, 0x7FFFF000),  # sox into a pipe
        (0x80000024, 0x80000000),  # arecord into a pipe
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg into a pipe
        (0, 0),  # a recorder that was switched off
        (36, 0xFFFFFFFF),
    ],
)
@pytest.mark.parametrize("before", [b"", struct.pack("<4sI", b"LIST", 3) + b"abc\0"])
def test_the_data_chunk_counts_and_what_is_there(
    tmp_path: Path, riff_size: int, data_size: int, before: bytes
):
    path = tmp_path / "x.wav"
    path.write_bytes(pcm16(riff_size, data_size, N_SAMPLES, before))
    samples = read_wav(path, RATE)
    assert np.array_equal(samples, np.trunc(tone()[:, 0] * 2**15) / 2**15)


def test_an_empty_data_chunk_is_empty_and_not_what_follows(tmp_path: Path):
    path = tmp_path / "x.wav"
    form = pcm16(0, 0, 0)[12:]
    tail = struct.pack("<4sI", b"LIST", 4) + b"abcd"
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(form + tail), b"WAVE") + form + tail)
    with pytest.raises(FormatError, match="is empty"):
        read_wav(path, RATE)


def test_what_follows_the_samples_is_no_sound(tmp_path: Path):
    path = tmp_path / "x.wav"
    path.write_bytes(encoded("WAV", "PCM_24") + struct.pack("<4sI", b"LIST", 4) + b"abcd")
    assert len(read_wav(path, RATE)) == N_SAMPLES


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
@pytest.mark.parametrize("share", [0.95, 0.5])
def test_a_file_that_was_cut_short_is_never_taken_for_whole(
    tmp_path: Path, container: str, subtype: str, share: float
):
    content = encoded(container, subtype)
    path = tmp_path / "x.wav"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match=r"x\.wav: (is cut short|is empty|not a sound)"):
        read_wav(path, RATE)


def test_the_data_chunk_is_cut_short_though_the_outer_size_agrees(tmp_path: Path):
    path = tmp_path / "x.wav"
    path.write_bytes(pcm16(36 + N_SAMPLES, 2 * N_SAMPLES, N_SAMPLES // 2))
    with pytest.raises(FormatError, match=f"is cut short: {N_SAMPLES // 2} of {N_SAMPLES} samples"):
        read_wav(path, RATE)


@pytest.mark.parametrize("content", [b"", b"no sound", tone().tobytes()])
def test_what_is_not_a_sound_is_one_line(tmp_path: Path, content: bytes):
    path = tmp_path / "x.raw"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"x\.raw: not a sound that can be read"):
        AudioFile(path)


def test_files_that_cannot_be_opened_are_named(tmp_path: Path):
    with pytest.raises(PathError, match="x: no such file"):
        AudioFile(tmp_path / "x")
    with pytest.raises(PathError, match="not a file"):
        AudioFile(tmp_path)
    with pytest.raises(PathError, match="null: not a file"):
        AudioFile(Path("/dev/null"))


def test_a_name_that_is_no_text_is_only_a_name(tmp_path: Path):
    path = Path(str(tmp_path) + "/caf\udce9.wav")
    try:
        path.write_bytes(encoded("FLAC", "PCM_16"))
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes no such names")
    assert len(read_wav(path, RATE)) == N_SAMPLES


@pytest.mark.parametrize(("container", "subtype"), FORMATS)
def test_a_damaged_file_is_one_line_or_a_sound(tmp_path: Path, container: str, subtype: str):
    """Over a thousand files, a byte or a stretch of which was changed, taken out or put in."""
    generator = np.random.default_rng(FORMATS.index((container, subtype)))
    good = encoded(container, subtype)
    expected = read_wav(tmp_path / "good", RATE, good)
    path = tmp_path / "x.wav"
    for _ in range(80):
        content = bytearray(good)
        # Headers are where it hurts.
        top = 120 if generator.random() < 0.7 else len(content)
        at, n = int(generator.integers(top)), int(generator.integers(1, 9))
        kind = generator.integers(4)
        if kind == 0:
            content[at] ^= 1 << int(generator.integers(8))
        elif kind == 1:
            content[at : at + n] = generator.bytes(n)
        elif kind == 2:
            del content[at : at + n]
        else:
            content[at:at] = generator.bytes(n)
        try:
            samples = read_wav(path, RATE, bytes(content))
        except FormatError as error:
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
            continue
        assert samples.dtype == np.float32
        assert samples.ndim == 1
        if subtype == "PCM_16" and container == "WAV" and kind != 3 and at > 44:
            assert len(samples) <= len(expected)
