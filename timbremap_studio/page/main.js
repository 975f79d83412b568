// The page: its parts are made here and told of each other.
import { Coordinates } from "./coordinates.js";
import { Dots } from "./dots.js";
import { Gestures } from "./gestures.js";
import { Knobs } from "./knobs.js";
import { Link } from "./link.js";
import { listModels, loadDots, loadModel, reportUrl, soundUrl } from "./models.js";
import { Pad } from "./pad.js";
import { Playing } from "./playing.js";
import { Snapshots } from "./snapshots.js";
import { Sounding } from "./sounding.js";
import { startTheme } from "./theme.js";
import { startTools } from "./tools.js";

const $ = (id) => document.getElementById(id);

const playing = new Playing();
const pad = new Pad($("pad"), $("hand"), playing);
const dots = new Dots($("dots"));
const knobs = new Knobs($("knobs"), playing);
const sounding = new Sounding(playing, $("sound-bar"), say);
const gestures = new Gestures($("gestures"), playing, { say, sounding });
const snapshots = new Snapshots($("snapshots"), playing, say);
const coordinates = new Coordinates($("coordinates"), playing);
startTools($("tools"), $("pad-help"), { pad, playing, dots, sounding, gestures, heard: $("heard") });

// Models.

const loaded = new Map(); // promises of models by name and scale
let wanted = null;

/** Play a model; another choice meanwhile wins. */
async function choose(name, from, scale) {
  const choice = load(name, scale);
  if (wanted === choice && from === "elsewhere") return; // it is on its way, or cannot be had
  wanted = choice;
  try {
    const model = await choice;
    if (wanted !== choice) return;
    playing.play(model, from);
    if (from === "elsewhere") link.catchUp();
    model.dots ??= await loadDots(model);
    if (playing.model !== model) return;
    dots.show(model.dots);
    document.body.dataset.ready = model.name; // all that belongs to it is on the page
  } catch (error) {
    say(`${name} cannot be loaded: ${error.message}`);
  }
}

function load(name, scale = "") {
  const key = `${scale} ${name}`;
  if (!loaded.has(key)) {
    const coming = loadModel(name, scale);
    loaded.set(key, coming);
    coming.catch(() => setTimeout(() => loaded.delete(key), 1000)); // then it may be tried again
  }
  return loaded.get(key);
}

playing.onModel(() => {
  const { model } = playing;
  $("model").value = model.name;
  $("report").hidden = !model.report;
  $("report").href = reportUrl(model);
  dots.show(null);
  const names = model.parameters.map((name, i) => new Option(name, String(i)));
  $("colour").replaceChildren(...names, new Option("how fast it changes", "speed"));
  document.title = `${model.name} · TimbreMap studio`;
});
$("model").addEventListener("change", () => choose($("model").value, "here"));

// Another model to compare with: the point and the gesture stay, and the button changes sides.

$("other").addEventListener("change", () => {
  const other = $("other").value;
  $("swap").disabled = !other;
  if (other) load(other).catch((error) => say(`${other} cannot be loaded: ${error.message}`));
});
$("swap").addEventListener("click", () => {
  const other = $("other").value;
  $("other").value = playing.model.name;
  choose(other, "here");
});

$("colour").addEventListener("change", () => {
  const chosen = $("colour").value;
  dots.colourBy(chosen === "speed" ? null : Number(chosen));
});

// What is said.

function say(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

const link = new Link(playing, {
  onModel: (name, scale) => choose(name, "elsewhere", scale),
  onSay: say,
  onServer: (there) => say(there ? "" : "The server is gone. You can go on playing; the page looks for it."),
});

addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input[type=text], input[type=number]");
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || typing) return;
  event.preventDefault();
  if (event.shiftKey) playing.redo();
  else playing.undo();
});
$("undo").addEventListener("click", () => playing.undo());
$("redo").addEventListener("click", () => playing.redo());
$("release").addEventListener("click", () => {
  playing.begin();
  playing.release();
});
startTheme($("theme"), () => {
  pad.redraw();
  dots.draw();
});

new ResizeObserver(() => {
  const { clientWidth: width, clientHeight: height } = $("pad");
  pad.resize(width, height, devicePixelRatio);
  dots.resize(width, height, devicePixelRatio);
}).observe($("pad"));

const models = await listModels();
const options = () =>
  models.map(({ name, instrument, error }) => {
    const option = new Option(instrument && instrument !== name ? `${instrument}: ${name}` : name, name);
    option.disabled = Boolean(error);
    return option;
  });
$("model").replaceChildren(...options());
if (playing.model) $("model").value = playing.model.name; // it was there sooner than the list
$("other").replaceChildren(new Option("nothing", ""), ...options());

/** For tests and benchmarks. */
window.studio = { playing, pad, dots, knobs, coordinates, snapshots, gestures, link, sounding, choose };
