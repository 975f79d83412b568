"""How sounds become features."""

from __future__ import annotations

from dataclasses import dataclass

from timbremap_runtime.errors import SettingsError


@dataclass(frozen=True)
class FeatureSettings:
    """How a sound becomes a mel power spectrogram.

    Attributes
    ----------
    sample_rate : int
        Samples per second of the sounds.
    n_fft : int
        Samples in a frame.
    hop_length : int
        Samples from one frame to the next.
    n_mels : int
        Mel bands.
    f_min_hz, f_max_hz : float
        Range of the bands; ``f_max_hz`` None means half the sample rate.
    """

    sample_rate: int = 44_100
    n_fft: int = 2048
    hop_length: int = 128
    n_mels: int = 128
    f_min_hz: float = 0.0
    f_max_hz: float | None = None

    def __post_init__(self):
        for name in ("sample_rate", "n_fft", "hop_length", "n_mels"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: give at least 1")
        if self.n_fft % 2:
            raise SettingsError(f"n_fft is {self.n_fft}: give an even number of samples")
        if self.n_mels > self.n_fft // 4:
            raise SettingsError(
                f"n_mels is {self.n_mels}: give at most {self.n_fft // 4}, a quarter of n_fft; the"
                " lowest of more bands would be narrower than what an FFT can tell apart"
            )
        top = self.sample_rate / 2
        highest = top if self.f_max_hz is None else self.f_max_hz
        if not 0 <= self.f_min_hz < highest <= top:
            raise SettingsError(
                f"bands from {self.f_min_hz} to {self.f_max_hz} Hz: give a range between 0 and"
                f" {top:g} Hz, half the sample rate"
            )

    def n_frames(self, n_samples: int) -> int:
        """Width of the spectrogram of so many samples."""
        return 1 + n_samples // self.hop_length

    def n_samples(self, n_frames: int) -> int:
        """Count the samples that the first ``n_frames`` frames are made of."""
        return (n_frames - 1) * self.hop_length + self.n_fft // 2
