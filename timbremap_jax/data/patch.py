"""What a ``patch.toml`` says: an instrument's parameters, its variants, its note.

::

    name = "lfo4"
    engine = "faust"                # who makes the sound: faust, plugin, pd or osc
    source = "lfo4.dsp"             # beside patch.toml

    [note]
    pitch = 45                      # MIDI note number
    velocity = 100                  # 1..127
    sustain_ms = 250                # from note on to note off
    release_ms = 50                 # from note off to the end of the file

    [[parameters]]                  # the learned ones, in order; values 0..127
    name = "rate"
    control = "lfo_rate"            # the engine's name for it, where it is another
    range = [0, 100]                # what 0 and 127 are for the engine
    unit = "Hz"                     # of that range, for people
    steps = 5                       # a switch of so many positions along that range
    type = "int"                    # engine osc: sent as whole numbers; as floats if not given

    [[parameters]]
    name = "depth"                  # each variant says which control it drives

    [fixed]                         # controls held at one value
    cutoff = 80

    [variants.fm]                   # the first variant is the default
    controls = { depth = "fm_depth" }
    fixed = { resonance = 20 }      # added to [fixed]

A table that has the engine's name, such as ``[plugin]``, holds what that engine alone understands.
"""

from __future__ import annotations

import codecs
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

from timbremap_runtime.core.types import PARAMETER_MAX
from timbremap_runtime.errors import FormatError, PathError, SettingsError

SAMPLE_RATE = 44_100
"""Samples per second of every sound that is rendered here."""

UNITS = {"plugin": 1.0}
"""What a control's highest value is for an engine, where that is not `PARAMETER_MAX`."""


MORE = {"osc": {"type"}}
"""What else a parameter may say, by engine."""


@dataclass(frozen=True)
class Parameter:
    """A learned parameter: its name for people, and the engine's control it drives.

    Attributes
    ----------
    name, control : str
        The name for people; the engine's.
    low, high : float
        What 0 and 127 are for the engine.
    steps : int or None
        Number of positions of a switch, evenly spaced from ``low`` to ``high``.
    whole : bool
        Whether the engine gets whole numbers, of type int.
    unit : str
        Of the engine's numbers, for people; empty if it is not said.
    """

    name: str
    control: str
    low: float = 0.0
    high: float = float(PARAMETER_MAX)
    steps: int | None = None
    whole: bool = False
    unit: str = ""

    def snapped(self, value: float) -> float:
        """Return the value 0..127 of the nearest position; any value where there are none."""
        if self.steps is None:
            return value
        last = self.steps - 1
        return round(value / PARAMETER_MAX * last) / last * PARAMETER_MAX

    def control_value(self, value: float) -> float:
        """Turn a value 0..127 into the engine's unit; an int if it takes whole numbers."""
        in_unit = self.low + (self.high - self.low) * self.snapped(value) / PARAMETER_MAX
        return round(in_unit) if self.whole else float(in_unit)


@dataclass(frozen=True)
class Note:
    """The note every sound of a data set plays.

    Attributes
    ----------
    pitch : int
        MIDI note number, 0..127.
    velocity : int
        MIDI velocity, 1..127.
    sustain_ms, release_ms : float
        Milliseconds from note on to note off, and from note off to the end.
    """

    pitch: int = 57
    velocity: int = 100
    sustain_ms: float = 250.0
    release_ms: float = 50.0

    def __post_init__(self):
        if not 0 <= self.pitch <= 127:
            raise SettingsError(f"pitch is {self.pitch}; give a MIDI note number, 0 to 127")
        if not 1 <= self.velocity <= 127:
            raise SettingsError(f"velocity is {self.velocity}; give 1 to 127 (0 means note off)")
        if not 1 <= self.sustain_ms <= 60_000 or not 0 <= self.release_ms <= 60_000:
            raise SettingsError(
                f"sustain is {self.sustain_ms} ms and release {self.release_ms} ms; give"
                " milliseconds, a sustain of 1 to 60000 and a release of 0 to 60000"
            )

    @property
    def frequency_hz(self) -> float:
        """Equal temperament, A4 (note 69) = 440 Hz."""
        return 440.0 * 2.0 ** ((self.pitch - 69) / 12)

    @property
    def duration_ms(self) -> float:
        """Length of the whole sound."""
        return self.sustain_ms + self.release_ms

    def n_samples(self, sample_rate: int) -> int:
        """Length of the whole sound in samples."""
        return round(self.duration_ms * sample_rate / 1000)

    def with_changes(self, **changes: float | None) -> Note:
        """Return a copy with those fields changed that are not None."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Patch:
    """One instrument in one variant, ready for its engine.

    Attributes
    ----------
    folder : Path
        Where ``patch.toml`` lies.
    name, engine : str
        The instrument's name; the engine that renders it.
    source : str
        What the engine plays: a file or folder, an LV2 plug-in's address, or nothing.
    parameters : tuple of Parameter
        The learned parameters, in label order.
    fixed : mapping of str to float
        Controls held at one value.
    note : Note
        The note to play.
    variant : str or None
        The chosen variant.
    variants : tuple of str
        All there are.
    options : mapping of str to object
        The table that has the engine's name.
    """

    folder: Path
    name: str
    engine: str
    source: str
    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, float]
    note: Note
    variant: str | None
    variants: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where all this was said."""
        return self.folder / "patch.toml"

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the learned parameters, in label order."""
        return tuple(p.name for p in self.parameters)

    @property
    def controls(self) -> tuple[str, ...]:
        """The engine's names of all controls that are set: the learned ones, the fixed ones."""
        return (*(p.control for p in self.parameters), *self.fixed)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that ``patch.toml`` names, and itself.

        An engine may find more: `timbremap_jax.data.engines.sources_of`.
        """
        named = [Path(self.source)] if self.source else []
        named += [self.folder / v for v in self.options.values() if v and isinstance(v, str)]
        parts = (sorted(path.rglob("*")) if path.is_dir() else [path] for path in named)
        return (self.file, *(f for part in parts for f in part if os.path.isfile(f)))

    def control_values(self, values: Sequence[float]) -> dict[str, float]:
        """Value of every control in the engine's unit: the fixed ones, then the learned ones.

        Parameters
        ----------
        values : sequence of float
            The learned parameters 0..127, in label order.
        """
        learned = {
            p.control: p.control_value(v) for p, v in zip(self.parameters, values, strict=True)
        }
        return {**self.fixed, **learned}


def load_patch(folder: str | Path, variant: str | None = None) -> Patch:
    """Read ``patch.toml`` from an instrument's folder.

    Parameters
    ----------
    folder : path
        The instrument's folder, e.g. ``patches/subtractive/lfo4``.
    variant : str, optional
        One of its variants; the first when not given.

    Raises
    ------
    PathError
        There is no ``patch.toml``, or its source file is missing.
    FormatError
        ``patch.toml`` is not TOML, or contains something that cannot be meant.
    SettingsError
        There is no such variant.

    Examples
    --------
    >>> load_patch("patches/subtractive/lfo4", "fm").parameter_names
    ('rate', 'duty', 'shape', 'depth')
    """
    folder = Path(folder)
    file = folder / "patch.toml"
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise PathError(
            f"{file}: no such file; give the folder of an instrument, e.g. patches/subtractive/lfo4"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PathError(f"{file}: cannot be read ({reason})") from None
    try:
        table = tomllib.loads(_decoded(content))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{file}: line {line} is not UTF-8 text; save the file as UTF-8"
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else error
        raise FormatError(f"{file}: not valid TOML: {reason}") from None
    return _Reader(file).patch(table, variant)


def _decoded(content: bytes) -> str:
    """Return the text of a file, which Windows programs may begin with a byte order mark."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig").replace("\r\n", "\n")


def is_number(value: object) -> bool:
    """Whether a value is a number that a 32-bit float holds, as OSC and plug-ins take them."""
    return type(value) in (int, float) and abs(value) < 3.4e38  # pyright: ignore[reportArgumentType]


KINDS = {
    int: "a whole number",
    str: "text in quotes",
    list: "a list",
    dict: "a table",
    Real: "a number",
}


class _Reader:
    """Turns the tables of one ``patch.toml`` into a `Patch`, naming the file in every error."""

    def __init__(self, file: Path):
        self.file = file

    def fail(self, problem: str) -> FormatError:
        return FormatError(f"{self.file}: {problem}")

    def get(self, table: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
        value = table.get(key, default)
        if value is None:
            raise self.fail(f"'{key}' is missing")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.fail(f"'{key}' should be {KINDS[kind]}, not {value!r}")
        return value

    def refuse_unknown(self, table: Mapping[str, Any], known: set[str], where: str) -> None:
        unknown = sorted(set(table) - known)
        if unknown:
            raise self.fail(f"{where} has no '{unknown[0]}'; known are {', '.join(sorted(known))}")

    def patch(self, table: Mapping[str, Any], variant: str | None) -> Patch:
        known = {"name", "description", "engine", "source", "note", "parameters", "fixed"}
        of_engine = {word for word in (table.get("engine"),) if isinstance(word, str)}
        self.refuse_unknown(table, known | {"variants"} | of_engine, "an instrument")
        engine = self.get(table, "engine", str)
        variants = self.get(table, "variants", dict, {})
        chosen = self.variant(variants, variant)
        controls = self.get(chosen, "controls", dict, {})
        highest = UNITS.get(engine, PARAMETER_MAX)
        tables = self.get(table, "parameters", list, [])
        patch = Patch(
            folder=self.file.parent,
            name=self.get(table, "name", str),
            engine=engine,
            source=self.source(self.get(table, "source", str, "" if engine == "osc" else None)),
            parameters=self.parameters(tables, controls, highest, MORE.get(engine, set())),
            fixed=self.numbers(self.get(table, "fixed", dict, {}))
            | self.numbers(self.get(chosen, "fixed", dict, {})),
            note=self.note(self.get(table, "note", dict, {})),
            variant=(variant or next(iter(variants))) if variants else None,
            variants=tuple(variants),
            options=self.get(table, engine, dict, {}),
        )
        for parameter in patch.parameters:
            if parameter.control in patch.fixed:
                raise self.fail(f"'{parameter.control}' is learned, so it cannot be [fixed] too")
        return patch

    def source(self, name: str) -> str:
        if not name or "://" in name:
            return name
        if "\0" in name:
            raise self.fail("'source' contains a null character")
        source = self.file.parent / name
        if not os.path.exists(source):  # unlike Path.exists, of any text
            raise PathError(f"{source}: no such file, though {self.file} names it as its source")
        return str(source)

    def variant(self, variants: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
        if name is not None and name not in variants:
            there = f"it has {', '.join(variants)}" if variants else "it has none"
            raise SettingsError(f"{self.file}: no variant '{name}'; {there}")
        if not variants:
            return {}
        chosen = self.get(variants, name or next(iter(variants)), dict)
        self.refuse_unknown(chosen, {"description", "controls", "fixed"}, "a variant")
        return chosen

    def parameters(
        self, tables: list[Any], controls: Mapping[str, Any], highest: float, more: set[str]
    ) -> tuple[Parameter, ...]:
        if not tables:
            raise self.fail("there are no parameters; name at least one that is to be learned")
        parameters: list[Parameter] = []
        known = {"name", "control", "description", "range", "unit", "steps", *more}
        for table in tables:
            if not isinstance(table, dict):
                raise self.fail(f"a parameter should be {{ name = ... }}, not {table!r}")
            name = self.get(table, "name", str)
            self.refuse_unknown(table, known, f"parameter '{name}'")
            control = self.get(controls, name, str, self.get(table, "control", str, name))
            low, high = self.range(name, self.get(table, "range", list, [0.0, highest]))
            whole = self.whole(name, table)
            steps, unit = self.steps(name, table), self.get(table, "unit", str, "")
            parameters.append(Parameter(name, control, low, high, steps, whole, unit))
        self.refuse_twice([p.name for p in parameters], "named")
        self.refuse_twice([p.control for p in parameters], "driven")
        self.refuse_unknown(controls, {p.name for p in parameters}, "'controls' of the variant")
        return tuple(parameters)

    def range(self, name: str, ends: list[Any]) -> tuple[float, float]:
        if len(ends) != 2 or not all(map(is_number, ends)) or ends[0] == ends[1]:
            raise self.fail(f"'range' of '{name}' should be two different numbers, not {ends}")
        return float(ends[0]), float(ends[1])

    def whole(self, name: str, table: Mapping[str, Any]) -> bool:
        kind = self.get(table, "type", str, "float")
        if kind not in ("float", "int"):
            raise self.fail(f"'type' of '{name}' should be 'float' or 'int', not {kind!r}")
        return kind == "int"

    def steps(self, name: str, table: Mapping[str, Any]) -> int | None:
        steps = table.get("steps")
        if steps is None or (type(steps) is int and 2 <= steps <= PARAMETER_MAX + 1):
            return steps
        raise self.fail(f"'steps' of '{name}' should be a whole number from 2 to 128, not {steps}")

    def refuse_twice(self, names: list[str], what: str) -> None:
        for name in names:
            if names.count(name) > 1:
                raise self.fail(f"'{name}' is {what} by two parameters")

    def numbers(self, table: Mapping[str, Any]) -> dict[str, float]:
        for key, value in table.items():
            if not is_number(value):
                raise self.fail(f"'{key}' should be a number, not {value!r}")
        return {key: float(value) for key, value in table.items()}

    def note(self, table: Mapping[str, Any]) -> Note:
        fields: dict[str, type] = {
            "pitch": int,
            "velocity": int,
            "sustain_ms": Real,
            "release_ms": Real,
        }
        self.refuse_unknown(table, set(fields), "[note]")
        values = {key: self.get(table, key, fields[key]) for key in table}
        try:
            return Note(**values)
        except SettingsError as error:
            raise self.fail(f"[note]: {error}") from None
