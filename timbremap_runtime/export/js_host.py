"""JavaScript: one module without dependencies, the map both ways and the performance.

It is written twice, as an ES module, and as a script for what knows no ES modules: Max's v8 object,
and ``require`` in Node.
"""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import TYPE_CHECKING

from timbremap_runtime.core import gaussian
from timbremap_runtime.core.types import PARAMETER_MAX
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

SCRIPT_HEAD = """\
// {description}
//
// 1. Max 9: keep this file beside your patch, and put an object  v8 {name}.js  into the patch.
// 2. Node: const {{ map, Performer }} = require("./{name}.js");
// 3. map.forward([{point}]) gives parameters, map.inverse(p) a point. Max's messages: at the end.
//
// Parameters: {parameters}.

"""

EXAMPLE = """\
<!doctype html>
<!-- {description}. Keep {name}.js beside this page, and open it in a browser. -->
<meta charset="utf-8" />
<title>{title}</title>
<button>sound</button>
<p></p>
<ol></ol>
<script src="{name}.js"></script>
<script>
  // Each parameter is the loudness of a partial: put your synth here.
  const context = new AudioContext();
  const hands = new Performer(map);
  const sliders = hands.c.map(() => document.createElement("input"));
  const gains = map.parameterNames.map((name, i) => {{
    const partial = new OscillatorNode(context, {{ frequency: 110 * (i + 1) }});
    const gain = new GainNode(context, {{ gain: 0 }});
    partial.connect(gain).connect(context.destination);
    partial.start();
    return gain;
  }});

  function show() {{
    hands.move(sliders.map((slider) => slider.valueAsNumber));
    const items = hands.p.map((p, i) => {{
      const level = (0.3 / map.parameterSize) * Math.min(Math.max(p / {top}, 0), 1);
      gains[i].gain.setTargetAtTime(level, context.currentTime, 0.02);
      const item = document.createElement("li");
      item.textContent = `${{map.parameterNames[i]}} ${{p.toFixed(1)}}`;
      return item;
    }});
    document.querySelector("ol").replaceChildren(...items);
  }}

  for (const slider of sliders) {{
    Object.assign(slider, {{ type: "range", min: 0, max: 1, step: "any", value: 0.5 }});
    slider.oninput = show;
    document.querySelector("p").append(slider);
  }}
  document.querySelector("button").onclick = () => context.resume();
  show();
</script>
"""

PLACE = "/*POLYNOMIALS*/ {}"
"""Where the engine wants its polynomials."""


def write(chain: Chain) -> dict[str, str]:
    """Write a map as a module, as a script, and a page that plays a note by it."""
    name = chain.identifier
    module = _made(chain, HEAD) + "\nexport { TimbreMap, Performer, map };\n"
    example = EXAMPLE.format(
        description=chain.description.replace("--", "- -"),
        name=name,
        title=html.escape(chain.name),
        top=PARAMETER_MAX,
    )
    return {f"{name}.mjs": module, **script(chain), f"{name}_example.html": example}


def script(chain: Chain) -> dict[str, str]:
    """Write a map as a script for Max and Node."""
    return {f"{chain.identifier}.js": _made(chain, SCRIPT_HEAD) + _text("max.js")}


def _made(chain: Chain, head: str) -> str:
    """Write what every form has: the head, the engine, the map."""
    words = {
        "description": chain.description,
        "name": chain.identifier,
        "point": ", ".join(["0.5"] * chain.control_size),
        "parameters": chain.listed_names,
    }
    numbers = json.dumps(content(chain), indent=2)
    made = f"\n/** The map. */\nconst map = new TimbreMap({numbers});\n"
    return head.format(**words) + engine() + made


def engine() -> str:
    """Return what every map needs, with its polynomials."""
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
    return _text("engine.js").replace(PLACE, json.dumps({**polynomials, **limits}))


def _text(file: str) -> str:
    return resources.files("timbremap_runtime.export").joinpath(file).read_text("utf-8")
