"""A chain written out as assignments of single numbers, for languages of the C family.

What differs between the languages is their `Syntax`. Every intermediate number has a name of its
own, so nothing is allocated and nothing is a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from timbremap_runtime.export.chain import (
    AffineStep,
    BoundedStep,
    ClipStep,
    LeakyStep,
    QuantileStep,
    WarpStep,
    columns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from timbremap_runtime.export.chain import Chain, Step


class Numbers(Protocol):
    """How a language writes numbers."""

    def number(self, value: float) -> str:
        """Write a number."""
        ...


class Syntax(Numbers, Protocol):
    """How a language says what a chain needs."""

    def declare(self, name: str, expression: str) -> str:
        """Write a statement that gives a new name to a number."""
        ...

    def call(self, function: str, argument: str) -> str:
        """Write a call.

        Of ``exp``, ``log`` and ``sqrt``; of ``quantile`` and ``cdf`` in the normal scale, and in
        the even one of ``warp0`` and ``unwarp0`` for the first coordinate, and so on.
        """
        ...

    def choose(self, condition: str, yes: str, no: str) -> str:
        """Write one of two numbers, by a condition."""
        ...

    def either(self, conditions: Sequence[str]) -> str:
        """Write that at least one condition holds."""
        ...


class Writer:
    """Statements that grow step by step.

    Parameters
    ----------
    syntax : Syntax
        The language.
    names : sequence of str
        Names of the numbers at the beginning.
    """

    def __init__(self, syntax: Syntax, names: Sequence[str]):
        self.syntax = syntax
        self.names = list(names)
        self.lines: list[str] = []
        self.ends: list[str] = []
        """Conditions under which a number was read as an end."""
        self._n_sets = 0

    def assign(self, expressions: Sequence[str]) -> None:
        """Give the numbers new names and values."""
        self._n_sets += 1
        self.names = [f"s{self._n_sets}_{i}" for i in range(len(expressions))]
        pairs = zip(self.names, expressions, strict=True)
        self.lines += [self.syntax.declare(name, expression) for name, expression in pairs]

    def forward(self, step: Step) -> None:
        """Do a step."""
        s, number = self.syntax, self.syntax.number
        match step:
            case ClipStep():
                self._clip(step)
            case QuantileStep():
                self.assign([s.call("quantile", x) for x in self.names])
            case WarpStep():
                self.assign([s.call(f"warp{i}", x) for i, x in enumerate(self.names)])
            case AffineStep():
                self._affine(step.matrix, step.offset)
            case BoundedStep():
                low, high, span = (number(v) for v in (step.low, step.high, step.high - step.low))
                one = number(1.0)
                # By the distance to the nearer end, which has all its digits.
                self.assign([
                    s.choose(
                        f"{x} < {number(0.0)}",
                        f"{low} + {span} / ({one} + {s.call('exp', f'-{x}')})",
                        f"{high} - {span} / ({one} + {s.call('exp', x)})",
                    )
                    for x in self.names
                ])  # fmt: skip
            case LeakyStep():
                self._leaky(step.slope)

    def inverse(self, step: Step) -> None:
        """Undo a step."""
        s, number = self.syntax, self.syntax.number
        match step:
            case ClipStep():
                if step.both_ways:
                    self._clip(step)
            case QuantileStep():
                self.assign([s.call("cdf", x) for x in self.names])
            case WarpStep():
                self.assign([s.call(f"unwarp{i}", x) for i, x in enumerate(self.names)])
            case AffineStep():
                self._affine(step.inverse_matrix, step.inverse_offset)
            case BoundedStep():
                first, last = number(step.first), number(step.last)
                low_end, high_end = number(step.low_end), number(step.high_end)
                self.ends += [
                    condition
                    for y in self.names
                    for condition in (f"{y} < {first}", f"{y} > {last}")
                ]
                self.assign([
                    s.choose(
                        f"{y} < {first}", low_end, s.choose(f"{y} > {last}", high_end, y)
                    )
                    for y in self.names
                ])  # fmt: skip
                low, high = number(step.low), number(step.high)
                self.assign([s.call("log", f"({y} - {low}) / ({high} - {y})") for y in self.names])
            case LeakyStep():
                self._leaky(1.0 / step.slope)

    def keep_inside(self, chain: Chain) -> None:
        """Keep a point that a parameter at its end leads to inside the region."""
        if not self.ends:
            return
        s, number = self.syntax, self.syntax.number
        far = [
            f"({u} - {number(centre)}) * {number(deviation)}"
            for u, centre, deviation in zip(self.names, chain.centre, chain.deviations, strict=True)
        ]
        names = [f"far_{i}" for i in range(len(far))]
        self.lines += [s.declare(name, each) for name, each in zip(names, far, strict=True)]
        squares = " + ".join(f"{name} * {name}" for name in names)
        self.lines.append(s.declare("distance", s.call("sqrt", squares)))
        radius, one = number(chain.radius), number(1.0)
        inside = s.choose(f"distance > {radius}", f"{radius} / distance", one)
        self.lines.append(s.declare("share", s.choose(s.either(self.ends), inside, one)))
        self.assign([
            s.choose(f"share < {one}", f"{number(centre)} + ({u} - {number(centre)}) * share", u)
            for u, centre in zip(self.names, chain.centre, strict=True)
        ])  # fmt: skip

    def _clip(self, step: ClipStep) -> None:
        low, high = self.syntax.number(step.low), self.syntax.number(step.high)
        choose = self.syntax.choose
        self.assign(
            [choose(f"{x} < {low}", low, choose(f"{x} > {high}", high, x)) for x in self.names]
        )

    def _affine(self, matrix: Sequence[Sequence[float]], offset: Sequence[float]) -> None:
        number = self.syntax.number
        self.assign([
            " + ".join(
                [*(f"{x} * {number(w)}" for x, w in zip(self.names, column, strict=True)),
                 number(shift)]
            )
            for column, shift in zip(columns(matrix), offset, strict=True)
        ])  # fmt: skip

    def _leaky(self, slope: float) -> None:
        number = self.syntax.number
        self.assign([
            self.syntax.choose(f"{x} < {number(0.0)}", f"{x} * {number(slope)}", x)
            for x in self.names
        ])  # fmt: skip


def forward(chain: Chain, syntax: Syntax, names: Sequence[str]) -> Writer:
    """Write C to P, of numbers with these names."""
    writer = Writer(syntax, names)
    for step in (*chain.front, *chain.steps):
        writer.forward(step)
    return writer


def inverse(chain: Chain, syntax: Syntax, names: Sequence[str]) -> Writer:
    """Write P to C, of numbers with these names."""
    writer = Writer(syntax, names)
    for step in reversed(chain.steps):
        writer.inverse(step)
    writer.keep_inside(chain)
    for step in reversed(chain.front):
        writer.inverse(step)
    return writer


def signless_call(function: str, argument: str) -> str:
    """Write a call for a language that has no sign before a name: the argument is taken from 0."""
    if argument.startswith("-"):
        argument = f"0 - {argument[1:]}"
    return f"{function}({argument})"


def horner(coefficients: Sequence[float], x: str, syntax: Numbers) -> str:
    """Write a polynomial, highest power first."""
    first, *rest = (syntax.number(value) for value in coefficients)
    text = first
    for value in rest:
        text = f"({text} * {x} + {value})"
    return text
