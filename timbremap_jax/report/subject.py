"""What a report is about: a map, its instrument, and presets that it has not seen.

The presets come from the data set that the model was trained on: its test rows to be judged by, its
training rows as the library of presets that one might browse instead. Where the data set is gone,
or never was (a shipped model, a bare ``timbremap`` folder), both are drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import timbremap_runtime as tm
from timbremap_jax.data.dataset import Dataset, load_dataset
from timbremap_jax.data.engines import sources_of
from timbremap_jax.data.features.mel import FeatureSettings
from timbremap_jax.data.manifest import read_manifest
from timbremap_jax.data.patch import PARAMETER_MAX, SAMPLE_RATE, Note, Patch, load_patch
from timbremap_jax.data.render.audition import instrument_of
from timbremap_jax.data.render.resume import hash_together, make_manifest
from timbremap_jax.data.render.sampling import GenerateSettings, on_steps, sample_parameters
from timbremap_jax.report.settings import FEWEST_TEST_SOUNDS, ReportSettings
from timbremap_runtime.core.model_folder import find_map, find_model, read_config
from timbremap_runtime.errors import PathError, SettingsError, TimbreMapError

OTHER_VELOCITY = 50

MOST_AXES = 8
"""Of a pad that can be reported on; two hands have not that many."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A map with all that is needed to hear it.

    Attributes
    ----------
    name : str
        What to call it.
    folder : Path
        Where its report goes.
    mapping : TimbreMap
        The map.
    patch, note : Patch, Note
        The instrument, and the note that its data set played; the first of several.
    elsewhere : dict of str to Note
        Other notes that the map is played with, by name.
    features : FeatureSettings
        How mel spectrograms are computed.
    parameter_names : tuple of str
        Names of the n parameters.
    test : ndarray, shape (n_test, n)
        Presets that the model was not trained on, 0..127.
    library : ndarray, shape (n_points, n)
        Presets that it was trained on, or others like them.
    heard : ndarray, shape (n_test, n), or None
        The parameters that the model gives for the sound of each test preset; None without an
        encoder.
    recorded : ndarray, shape (a few, n_mels, n_frames), or None
        Mel power of the first test sounds as they were rendered for training.
    drawn : bool
        Whether the presets are drawn at random, because there is no data set.
    notices : tuple of str
        What the reader should know, a line each.
    """

    name: str
    folder: Path
    mapping: tm.TimbreMap
    patch: Patch
    note: Note
    elsewhere: dict[str, Note]
    features: FeatureSettings
    parameter_names: tuple[str, ...]
    test: NDArray[np.floating]
    library: NDArray[np.floating]
    heard: NDArray[np.floating] | None
    recorded: NDArray[np.float32] | None
    drawn: bool
    notices: tuple[str, ...]


N_RECORDED = 50
"""Test sounds that are held against what was rendered for training."""


def open_subject(
    model: Path,
    settings: ReportSettings,
    patch_dir: Path | None = None,
    variant: str | None = None,
) -> Subject:
    """Read what a report needs.

    Parameters
    ----------
    model : Path
        A model folder, or a ``timbremap`` folder.
    settings : ReportSettings
        How many presets.
    patch_dir : Path, optional
        The instrument, where the model does not name it or it has moved.
    variant : str, optional
        Which of its variants.

    Raises
    ------
    PathError
        There is no map.
    SettingsError
        The instrument is missing or has other parameters, the map is not bounded, or the data set
        has fewer than 20 test sounds.
    """
    layers = find_map(model)
    if layers is None:
        raise PathError(f"{model}: no map in it; give a folder that tm-train wrote")
    folder = find_model(layers)
    mapping = tm.load(layers, settings.scale)
    if mapping.parameter_range is None:
        raise SettingsError(
            f"{layers}: its last layer is linear, so its answers are not kept within 0 to"
            f" {PARAMETER_MAX} and cannot be rendered; export a map that ends in a sigmoid"
        )
    if mapping.control_size > MOST_AXES:
        raise SettingsError(
            f"{layers}: has {mapping.control_size} axes; reports are made of up to {MOST_AXES}"
        )
    config = _config(folder)
    patch, note = _instrument(folder, config, patch_dir, variant)
    _require_parameters(layers, mapping, config, patch)
    notices: list[str] = []
    features = FeatureSettings(**config["features"]) if config.get("features") else None
    features = features or FeatureSettings()
    if features.sample_rate != SAMPLE_RATE:
        raise SettingsError(
            f"{folder}: was trained on sounds at {features.sample_rate} Hz, but instruments are"
            f" rendered at {SAMPLE_RATE} Hz; compute the features again and train on them"
        )
    found = _from_dataset(folder, config, settings, notices)
    if found is None:
        test, library = _draw(patch, settings)
        heard, recorded = None, None
    else:
        test, library, heard, recorded = found
    changed = _changed_files(config, patch, note)
    if changed:
        notices.append(changed)
    return Subject(
        name=folder.resolve().name,
        folder=folder,
        mapping=mapping,
        patch=patch,
        note=note,
        elsewhere=other_notes(note, config.get("notes")),
        features=features,
        parameter_names=patch.parameter_names,
        test=test,
        library=library,
        heard=heard,
        recorded=recorded,
        drawn=found is None,
        notices=tuple(notices),
    )


def other_notes(note: Note, learned: dict[str, list[int]] | None) -> dict[str, Note]:
    """Return the notes that a map is played with beside its own, by name.

    Parameters
    ----------
    note : Note
        Its own.
    learned : dict of list of int, or None
        ``pitches`` and ``velocities`` of its data set, if that has several: each of them is played.
        Else notes are that it has not learned.
    """
    if learned:
        changed = {f"note {pitch}": {"pitch": pitch} for pitch in learned["pitches"]}
        changed |= {f"velocity {each}": {"velocity": each} for each in learned["velocities"]}
    else:
        changed = {
            "octave up": {"pitch": note.pitch + 12},
            "octave down": {"pitch": note.pitch - 12},
            f"velocity {OTHER_VELOCITY}": {"velocity": OTHER_VELOCITY},
        }
    notes = {
        name: note.with_changes(**change)
        for name, change in changed.items()
        if 0 <= change.get("pitch", note.pitch) <= 127
    }
    return {name: other for name, other in notes.items() if not learned or other != note}


def _config(folder: Path) -> dict[str, Any]:
    try:
        return read_config(folder)
    except PathError:
        return {}


def _instrument(
    folder: Path, config: dict[str, Any], patch_dir: Path | None, variant: str | None
) -> tuple[Patch, Note]:
    if patch_dir is None:
        return instrument_of(folder, variant)
    instrument = config.get("instrument") or {}
    patch = load_patch(patch_dir, variant or _known_variant(patch_dir, instrument.get("variant")))
    # What the model was trained on, where that is known, whatever the instrument plays by itself.
    return patch, Note(**instrument["note"]) if "note" in instrument else patch.note


def _known_variant(patch_dir: Path, variant: str | None) -> str | None:
    return variant if variant in load_patch(patch_dir).variants else None


def _require_parameters(
    layers: Path, mapping: tm.TimbreMap, config: dict[str, Any], patch: Patch
) -> None:
    way_out = "name the model's instrument with  --patch PATCH_DIR"
    now = list(patch.parameter_names)
    if mapping.parameter_size != len(now):
        raise SettingsError(
            f"{layers}: plays {mapping.parameter_size} parameters and {patch.file} has {len(now)};"
            f" {way_out}"
        )
    then = config.get("parameters") or now
    # Features without a manifest give parameters no names of their own.
    if then != now and then != [f"p{i}" for i in range(len(now))]:
        differing = [f"{a}, now {b}" for a, b in zip(then, now, strict=False) if a != b]
        raise SettingsError(
            f"{layers}: {patch.file} has other parameters than when the model was trained"
            f" ({'; '.join(differing)}); {way_out}, or train again"
        )


def digest_of(patch: Patch) -> str:
    """Hash of every file that decides what an instrument sounds like."""
    return hash_together(sources_of(patch))


def _changed_files(config: dict[str, Any], patch: Patch, note: Note) -> str | None:
    """Say what of the instrument has changed since the sounds were rendered, if it is known."""
    try:
        manifest = read_manifest(_first_source(Path(config["data"]["folder"]))) or {}
    except (KeyError, TypeError, TimbreMapError):
        manifest = {}
    instrument = config.get("instrument") or {}
    trained_on = manifest.get("variant", instrument.get("variant"))
    if trained_on is not None and trained_on != patch.variant:
        return f"the model was trained on variant {trained_on}, this is {patch.variant}"
    then = manifest.get("files") or instrument.get("files")
    now = make_manifest(patch, note, GenerateSettings())["files"]
    if then:
        changed = [name for name, digest in now.items() if then.get(name) != digest]
        changed += [f"{name} (missing)" for name in then if name not in now]
    elif manifest.get("patch_sha256") not in (None, hash_together(patch.files)):
        changed = [" or ".join(dict.fromkeys(file.name for file in patch.files))]
    else:
        changed = []
    if not changed:
        return None
    return (
        f"the instrument has changed since the model was trained: {', '.join(changed)} in"
        f" {patch.folder}"
    )


def _first_source(data_dir: Path) -> Path:
    return load_dataset(data_dir).sources[0].folder


Presets = NDArray[np.floating]


def _from_dataset(
    folder: Path, config: dict[str, Any], settings: ReportSettings, notices: list[str]
) -> tuple[Presets, Presets, Presets | None, NDArray[np.float32]] | None:
    """Take presets, answers and recorded sounds from the data set, if it is there."""
    # Only here: it imports JAX, which workers need not wait for.
    from timbremap_jax.model_folder.layout import LABELS, LATENT, LATENT_ROWS, load_array

    if not config.get("data") or not (folder / LATENT).is_file():
        return None
    data_dir = Path(config["data"]["folder"])
    try:
        dataset = load_dataset(data_dir, int(config["training"]["seed"]))
    except TimbreMapError:
        notices.append(f"its data set {data_dir} was not found: presets are drawn at random")
        return None
    labels, rows = load_array(folder, LABELS), load_array(folder, LATENT_ROWS).astype(np.int64)
    if len(rows) != len(dataset) or not np.array_equal(labels, dataset.labels[rows]):
        notices.append(
            f"its data set {data_dir} has changed since the model was trained: presets are drawn at"
            " random"
        )
        return None
    test, training = _rows_of_first(dataset, notices)
    if len(test) < min(FEWEST_TEST_SOUNDS, settings.n_test):
        raise SettingsError(
            f"{data_dir}: has {len(test)} test sounds and a report needs {FEWEST_TEST_SOUNDS};"
            f" render {10 * FEWEST_TEST_SOUNDS} sounds or more and train on them"
        )
    generator = np.random.default_rng([settings.seed, 0])
    test = np.sort(generator.permutation(test)[: settings.n_test])
    training = np.sort(generator.permutation(training)[: settings.n_points])
    latent = load_array(folder, LATENT)
    by_row = np.empty(len(dataset), np.int64)
    by_row[rows] = np.arange(len(rows))
    heard = latent[by_row[test]].astype(np.float64)
    for layer in tm.load(folder).dense:
        heard = layer.forward(heard)
    recorded = dataset.read(test[:N_RECORDED])
    return dataset.labels[test], dataset.labels[training], heard, recorded


def _rows_of_first(
    dataset: Dataset, notices: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Test and training rows of the first source and note: the others may be of another variant."""
    first = dataset.sources[0]
    if len(dataset.sources) > 1:
        notices.append(
            f"its data set has {len(dataset.sources)} parts: sounds are those of the first,"
            f" {first.folder.name}"
        )
    of_first = np.arange(len(dataset)) < first.shape[0]
    if dataset.notes is not None and dataset.home is not None:
        home = [dataset.home.pitch, dataset.home.velocity]
        of_first &= (dataset.notes == home).all(axis=1)
        notices.append(
            f"its data set plays several notes: its test sounds are those of note {home[0]} at"
            f" velocity {home[1]}"
        )
    return (
        dataset.test_rows[of_first[dataset.test_rows]],
        dataset.training_rows[of_first[dataset.training_rows]],
    )


def _draw(patch: Patch, settings: ReportSettings) -> tuple[Presets, Presets]:
    """Draw presets as tm-generate does, from a seed that no data set begins with."""
    n_test = max(settings.n_test, FEWEST_TEST_SOUNDS)
    drawn = sample_parameters(
        GenerateSettings(n_test + settings.n_points, 7_919 + settings.seed), len(patch.parameters)
    )
    presets = on_steps(drawn, patch.parameters).astype(np.float64)
    return presets[:n_test], presets[n_test:]
