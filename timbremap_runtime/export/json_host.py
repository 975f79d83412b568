"""JSON: every number of a map with names, units and ranges, for hosts that have none of their own.

The schema is ``timbremap-map/1``; docs/export/json.md says what each field means.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from timbremap_runtime.export.chain import (
    AffineStep,
    BoundedStep,
    ClipStep,
    LeakyStep,
    QuantileStep,
    WarpStep,
)

if TYPE_CHECKING:
    from timbremap_runtime.export.chain import Chain, Step

SCHEMA = "timbremap-map/1"

KINDS = {
    ClipStep: "clip",
    QuantileStep: "quantile",
    WarpStep: "warp",
    AffineStep: "affine",
    BoundedStep: "bounded",
    LeakyStep: "leaky",
}
"""What each step is called."""


def write(chain: Chain) -> dict[str, str]:
    """Write a map as JSON."""
    return {f"{chain.identifier}.json": json.dumps(content(chain), indent=2) + "\n"}


def content(chain: Chain) -> dict[str, Any]:
    """Return a map as what JSON can hold."""
    return {
        "schema": SCHEMA,
        "description": chain.description,
        "name": chain.name,
        "identity": chain.identity,
        "version": chain.version,
        "day": chain.day,
        "scale": chain.scale,
        "coordinates": {"size": chain.control_size, "unit": "1", "range": [0.0, 1.0]},
        "parameters": {
            "size": chain.parameter_size,
            "names": list(chain.parameter_names),
            "unit": "MIDI steps",
            "range": None if chain.parameter_range is None else list(chain.parameter_range),
        },
        "front": [_step(step) for step in chain.front],
        "steps": [_step(step) for step in chain.steps],
        "region": {
            "centre": list(chain.centre),
            "deviations": list(chain.deviations),
            "radius": chain.radius,
        },
    }


def _step(step: Step) -> dict[str, Any]:
    return {"kind": KINDS[type(step)], **asdict(step)}
