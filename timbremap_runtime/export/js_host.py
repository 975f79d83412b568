"""JavaScript: one ES module without dependencies, the map both ways and the performance."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

from timbremap_runtime.core import gaussian
from timbremap_runtime.export.json_host import content

if TYPE_CHECKING:
    from timbremap_runtime.export.chain import Chain

HEAD = """\
// {description}
//
// 1. import {{ map, Performer }} from "./{name}.mjs";
// 2. const p = map.forward([{point}]);    // point (0 to 1) to parameters; map.inverse(p) and back
// 3. const performer = new Performer(map);  // performer.move(c), .set(index, value), .release()
//
// Parameters: {parameters}.

"""

PLACE = "/*POLYNOMIALS*/ {}"
"""Where the engine wants its polynomials."""


def write(chain: Chain) -> dict[str, str]:
    """Write a map as a module."""
    head = HEAD.format(
        description=chain.description,
        name=chain.identifier,
        point=", ".join(["0.5"] * chain.control_size),
        parameters=chain.listed_names,
    )
    tail = (
        "\n/** The map. */\n"
        f"const map = new TimbreMap({json.dumps(content(chain), indent=2)});\n\n"
        "export { TimbreMap, Performer, map };\n"
    )
    return {f"{chain.identifier}.mjs": head + engine() + tail}


def engine() -> str:
    """Return what every map needs, with its polynomials."""
    text = resources.files("timbremap_runtime.export").joinpath("engine.js").read_text("utf-8")
    polynomials = {
        f"{part}_{end}": getattr(gaussian, f"{part}_{end}".upper())
        for part in ("centre", "near", "far", "body", "shoulder", "tail")
        for end in ("top", "bottom")
    }
    limits = {
        "body_limit": gaussian.BODY_LIMIT,
        "shoulder_limit": gaussian.SHOULDER_LIMIT,
        "one_over_sqrt_2pi": gaussian.ONE_OVER_SQRT_2PI,
    }
    return text.replace(PLACE, json.dumps({**polynomials, **limits}))
