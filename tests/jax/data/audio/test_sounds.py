from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbremap_jax.data.audio.sounds import encode_pcm24, is_whole, read_wav, write_wav
from timbremap_runtime.errors import FormatError


@pytest.mark.parametrize("sample_format", ["pcm24", "float"])
@pytest.mark.parametrize("n_samples", [1, 2, 999, 13_230])
def test_what_is_written_is_read_as_libsndfile_reads_it(
    tmp_path: Path, sample_format: str, n_samples: int
):
    samples = np.random.default_rng(0).uniform(-1, 1, n_samples).astype(np.float32)
    samples[0] = -1.0
    path = tmp_path / "ex_0.wav"
    write_wav(path, samples, 44_100, sample_format)
    expected, rate = soundfile.read(path, dtype="float32")
    assert rate == 44_100
    assert is_whole(path, n_samples)
    read = read_wav(path, 44_100)
    assert read.dtype == np.float32
    assert np.array_equal(read, expected)
    # Rounding to 24 bits; none for float.
    assert np.abs(read - samples).max() <= (2**-23 if sample_format == "pcm24" else 0)


@pytest.mark.parametrize("n_samples", [0, 1, 2, 13_230, 100_001])
def test_24_bits_are_the_bytes_that_libsndfile_writes(n_samples: int):
    samples = np.random.default_rng(0).uniform(-1.1, 1.1, n_samples).astype(np.float32)
    # Ends of the range, halves of a step, less than a step.
    odd = [-1, 1, 0.99999994, -0.99999994, -0.0, 1e-9, -1e-9, 5e-8, 2**-24, -(2**-24), 3 * 2**-24]
    samples[: len(odd)] = np.array(odd, np.float32)[:n_samples]
    expected = io.BytesIO()
    soundfile.write(expected, samples, 44_100, subtype="PCM_24", format="WAV")
    assert bytes(encode_pcm24(samples, 44_100)) == expected.getvalue()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "DOUBLE"])
def test_other_formats_are_read_too(tmp_path: Path, subtype: str):
    path = tmp_path / "ex_0.wav"
    soundfile.write(path, np.linspace(-0.5, 0.5, 100), 44_100, subtype)
    assert np.array_equal(read_wav(path, 44_100), soundfile.read(path, dtype="float32")[0])


@pytest.mark.parametrize("n_bytes", [0, 7, 43, 44, 46, 1000])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, n_bytes: int):
    path = tmp_path / "ex_0.wav"
    write_wav(path, np.full(2000, 0.5, np.float32), 44_100)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(FormatError, match=r"ex_0\.wav: "):
        read_wav(path, 44_100)
