"""Read a trained model from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from flax import nnx
from numpy.typing import NDArray

import timbremap_runtime as tm
from timbremap_jax.data.dataset import Standardization
from timbremap_jax.data.features.settings import FeatureSettings
from timbremap_jax.data.patch import Note
from timbremap_jax.data.restoration import TrainingSounds, restore
from timbremap_jax.model.build import TimbreModel
from timbremap_jax.model.inference import Encoded, encode
from timbremap_jax.model.proxy import Proxy
from timbremap_jax.model_folder.config import load_config
from timbremap_jax.model_folder.layout import SOUNDS, require_finished
from timbremap_jax.model_folder.run import checkpoints_of
from timbremap_jax.training.prepare import untrained_model
from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import PathError

STRANGE = 1.7
"""Deviations from the data set's mean spectrum beyond which a sound is unlike all of it.

No sound of three data sets came to more; white noise comes to 6 to 70."""

UNLIKE = "is unlike every sound that the model was trained on; the answer means little"


@dataclass(frozen=True)
class OpenModel:
    """A trained model that was read from its folder.

    Attributes
    ----------
    model : TimbreModel
        Encoder and regressor.
    standardization : Standardization
        How spectrograms are brought to what the encoder reads.
    features : FeatureSettings or None
        How spectrograms are computed; None if unknown.
    input_shape : tuple of int
        Mel bands and frames that it reads.
    parameter_names : tuple of str
        Names of the n parameters.
    mapping : TimbreMap
        What was exported of it.
    sounds : TrainingSounds or None
        What its training sounds have in common; None in folders of version 0.1.
    proxy : Proxy or None
        The proxy of its synth; None if it was trained without one, as in version 0.1.
    notes : dict of list of int, or None
        ``pitches`` and ``velocities`` that it is told of each sound; None if of none.
    home : Note or None
        The note of its training sounds, or the one that stands for several; None if unknown.
    """

    model: TimbreModel
    standardization: Standardization
    features: FeatureSettings | None
    input_shape: tuple[int, int]
    parameter_names: tuple[str, ...]
    mapping: tm.TimbreMap
    sounds: TrainingSounds | None
    proxy: Proxy | None
    notes: dict[str, list[int]] | None
    home: Note | None

    def encode(self, power: NDArray[np.float32], note: Note | None = None) -> Encoded:
        """Encode one batch of mel power, shape (at most 256, n_mels, n_frames).

        A model that is told the note takes them to play ``note``, by default the first of its
        training sounds.
        """
        note = note or self.home or Note()
        told = np.tile(np.array([note.pitch, note.velocity], np.float32), (len(power), 1))
        return encode(self.model, self.standardization, [power], told if self.notes else None)

    def controls(self, encoded: Encoded) -> NDArray[np.float64]:
        """Return the points of encoded sounds, (N, m) in [0, 1]."""
        pca = self.mapping.pca
        z_star = pca.inverse(encoded.latent) if pca else encoded.latent.astype(np.float64)
        return self.mapping.vec_scale.inverse(z_star)

    def restore(
        self, power: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], list[tuple[str, ...]]]:
        """Bring recordings back to what the training sounds are like.

        Returns
        -------
        power : ndarray of float32, shape (N, n_mels, n_frames)
            What there is to encode.
        notes : list of tuple of str
            What was done to each, and whether it is unlike all that was trained on even so.
        """
        sounds = self.sounds
        if sounds is None:
            return power, [()] * len(power)
        restored = [restore(sound, sounds) for sound in power]
        power = np.stack([sound for sound, _ in restored])
        unlike = sounds.strangeness(power) > STRANGE
        return power, [
            (*notes, UNLIKE) if alien else notes
            for (_, notes), alien in zip(restored, unlike, strict=True)
        ]


def open_model(model_dir: Path, scale: Scale | None = None) -> OpenModel:
    """Read a trained model.

    Parameters
    ----------
    model_dir : Path
        Its folder.
    scale : {"normal", "uniform", "even"} or None
        Of its map: see `timbremap_runtime.load`.

    Raises
    ------
    PathError
        There is no model, its training has not finished, or it has no checkpoint.
    FormatError
        A file of it cannot be read.
    """
    config = load_config(model_dir)
    require_finished(model_dir)
    model = untrained_model(config.settings, config.encoder_shape, len(config.parameter_names))
    graph, state = nnx.split(model)
    saved = checkpoints_of(model_dir).latest(nnx.to_pure_dict(state))
    if saved is None:
        raise PathError(
            f"{model_dir}: no checkpoint; this model can be played but cannot encode sounds"
            " (shipped models have none); train one to encode sounds"
        )
    return OpenModel(
        nnx.merge(graph, saved.weights),
        saved.standardization,
        config.features,
        config.input_shape,
        config.parameter_names,
        tm.load(model_dir, scale),
        TrainingSounds.load(model_dir / SOUNDS),
        Proxy.from_arrays(saved.proxy) if saved.proxy else None,
        config.notes,
        config.home,
    )
