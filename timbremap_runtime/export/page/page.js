// The page itself: a pad, a row for each coordinate and parameter, and what sounds.

import { Performer, TimbreMap } from "../engine.js";
import { createKeyboard } from "./sound/keyboard.js";
import { createMidi, createMidiOut } from "./sound/midi.js";
import { createPlayer } from "./sound/player.js";
import { createMeter, createScope } from "./sound/scope.js";

const at = (id) => document.getElementById(id);
const { map: content, instrument } = JSON.parse(at("data").textContent);
const map = new TimbreMap(content);
const performer = new Performer(map);
const { pitch, velocity } = instrument?.note ?? { pitch: 57, velocity: 100 };
const STEP = 0.02; // of the keys on the pad

const player = instrument ? await openPlayer() : null;
let synth = null; // a MIDI output

/** What plays: a synth on a MIDI output, or the sound of the page. */
const voice = () => synth ?? player;
const hands = {
  noteOn: (...given) => voice()?.noteOn(...given),
  noteOff: (...given) => voice()?.noteOff(...given),
  setParameters: (...given) => voice()?.setParameters(...given),
};

async function openPlayer() {
  try {
    // Chromium loads no worklet from a Blob into a page that was opened from a disk.
    const worklet = `data:text/javascript,${encodeURIComponent(at("worklet").textContent)}`;
    const made = await createPlayer({ worklet });
    await made.load(instrument, performer.p);
    return made;
  } catch (error) {
    say(`No sound: ${error.message}`);
    return null;
  }
}

function say(text) {
  at("status").textContent = text;
}

// -------------------------------------------------------------------- rows and pad

function row(parent, name, { max, step }, moved) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max, step });
  const output = document.createElement("output");
  label.className = "row";
  label.append(name, input, output);
  parent.append(label);
  input.addEventListener("input", () => moved(Number(input.value)));
  return (value) => {
    input.value = value;
    output.textContent = value.toFixed(max > 1 ? 0 : 2);
  };
}

const coordinates = performer.c.map((_, i) => {
  const name = map.controlSize <= 3 ? "xyz"[i] : `c${i + 1}`;
  return row(at("point"), name, { max: 1, step: 0.001 }, (value) => move({ [i]: value }));
});
const parameters = map.parameterNames.map((name, i) =>
  row(at("parameters"), name, { max: 127, step: 0.1 }, (value) => {
    performer.set(i, value);
    changed();
  })
);

/** Move some coordinates, by their number. */
function move(some) {
  performer.move(performer.c.map((value, i) => some[i] ?? value));
  changed();
}

function changed() {
  const { c, p } = performer;
  hands.setParameters(p);
  coordinates.forEach((show, i) => show(c[i]));
  parameters.forEach((show, i) => show(p[i]));
  "xyz".split("").forEach((axis, i) => at("pad").style.setProperty(`--${axis}`, c[i] ?? 0.5));
}

const pad = at("pad");
const fingers = []; // the first one moves the point, the others are notes at points of their own

pad.addEventListener("pointerdown", (event) => {
  const { pointerId } = event;
  if (event.button > 0 || fingers.includes(pointerId)) return;
  pad.setPointerCapture(pointerId);
  fingers.push(pointerId);
  const lead = fingers[0] === pointerId;
  if (lead) move(pointOf(event));
  if (lead && voice()?.holding) return; // it moves what sounds
  press(`finger ${pointerId}`, lead ? null : parametersAt(pointOf(event)));
});
pad.addEventListener("pointermove", (event) => {
  const { pointerId } = event;
  if (!fingers.includes(pointerId)) return;
  if (fingers[0] === pointerId) move(pointOf(event));
  else hands.setParameters(parametersAt(pointOf(event)), `finger ${pointerId}`);
});
for (const name of ["pointerup", "pointercancel"]) {
  pad.addEventListener(name, ({ pointerId }) => {
    if (!fingers.includes(pointerId)) return;
    fingers.splice(fingers.indexOf(pointerId), 1);
    hands.noteOff(`finger ${pointerId}`);
  });
}

function press(id, values = null) {
  hands.noteOn(pitch, velocity, id, values);
}

/** Coordinates by their number; z where a pen or a screen measures how hard one presses. */
function pointOf({ clientX, clientY, pressure, pointerType }) {
  const { left, top, width, height } = pad.getBoundingClientRect();
  const point = { 0: (clientX - left) / width, 1: 1 - (clientY - top) / height };
  const measured = pressure > 0 && pressure < 1 && pressure !== 0.5;
  if (pointerType === "pen" || (pointerType === "touch" && measured)) point[2] = pressure;
  return point;
}

const MOVES = {
  ArrowLeft: [0, -STEP], ArrowRight: [0, STEP],
  ArrowDown: [1, -STEP], ArrowUp: [1, STEP],
  PageDown: [2, -STEP], PageUp: [2, STEP],
};
pad.addEventListener("keydown", (event) => {
  const [i, step] = MOVES[event.key] ?? [];
  if (i === undefined || i >= map.controlSize) return;
  event.preventDefault();
  move({ [i]: performer.c[i] + step });
});
pad.addEventListener(
  "wheel",
  (event) => {
    if (map.controlSize < 3) return;
    event.preventDefault();
    move({ 2: performer.c[2] - Math.sign(event.deltaY) * STEP });
  },
  { passive: false }
);

at("release").addEventListener("click", () => {
  performer.release();
  changed();
});

// -------------------------------------------------------------------- sound

at("hold").addEventListener("change", ({ target }) => {
  if (target.checked) press("held");
  else hands.noteOff("held");
});
at("volume").addEventListener("input", ({ target }) => player?.setVolume(Number(target.value)));
createKeyboard(window, hands, { base: Math.max(24, 12 * Math.floor(pitch / 12)), velocity });

if (player) {
  player.setVolume(Number(at("volume").value));
  createScope(at("scope"), player.analyser);
  createMeter(at("meter"), player.analyser);
} else {
  for (const id of ["scope", "meter", "loud"]) at(id).hidden = true;
  if (!instrument) say("This map has no sound of its own: it plays a synth by MIDI, as CCs from 20 on.");
}

/** Parameters at a note's own point, with what is held by hand. */
const other = new Performer(map);
function parametersAt(point) {
  other.held = performer.held;
  return other.move(performer.c.map((value, i) => point[i] ?? value));
}

at("midi").addEventListener("click", async () => {
  try {
    const { access } = await createMidi(hands, {
      parametersAt,
      follow: (point) => move({ ...point }),
      changed({ inputs, outputs }) {
        say(`MIDI in: ${inputs.join(", ") || "none plugged in"}.`);
        at("output").replaceChildren(
          ...["this page", ...outputs].map((name, i) => new Option(name, i - 1))
        );
        at("out").hidden = outputs.length === 0;
      },
    });
    at("midi").disabled = true;
    at("output").addEventListener("change", ({ target }) => {
      voice()?.allOff();
      const port = [...access.outputs.values()][target.value];
      synth = port ? createMidiOut(port) : null;
      changed();
    });
  } catch (error) {
    say(`No MIDI: ${error.message}`);
  }
});

changed();

/** For scripts that go on from here. */
window.timbremap = { map, performer, player };
