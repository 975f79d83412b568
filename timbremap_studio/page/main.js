// The page: its parts are made here and told of each other.
import { Dots } from "./dots.js";
import { Knobs } from "./knobs.js";
import { Link } from "./link.js";
import { listModels, loadDots, loadModel, reportUrl, soundUrl } from "./models.js";
import { Pad } from "./pad.js";
import { Playing } from "./playing.js";
import { Sounding } from "./sounding.js";
import { startTheme } from "./theme.js";

const $ = (id) => document.getElementById(id);

const playing = new Playing();
const pad = new Pad($("pad"), $("hand"), playing);
const dots = new Dots($("dots"));
const knobs = new Knobs($("knobs"), playing);
const sounding = new Sounding(playing);

// Playing: the first pointer moves the point; further fingers are voices of their own.

pad.tool = {
  down(id, c, lead) {
    if (lead) {
      playing.begin();
      playing.move(c);
    }
    sounding.press(id, lead ? playing.p : playing.model.map.forward(c), lead);
  },
  move(id, c, lead) {
    if (lead) playing.move(c);
    sounding.bend(id, lead ? playing.p : playing.model.map.forward(c), lead);
    if (!lead) pad.redraw();
  },
  up(id, lead) {
    sounding.lift(id, lead);
  },
};

// Models.

let wanted = null;

async function choose(name, from) {
  wanted = name;
  try {
    const model = await loadModel(name);
    if (wanted !== name) return; // another one was chosen meanwhile
    playing.play(model, from);
    if (from === "elsewhere") link.catchUp();
    const loaded = await loadDots(model);
    if (playing.model !== model) return;
    dots.show(loaded);
    document.body.dataset.ready = model.name; // all that belongs to it is on the page
  } catch (error) {
    say(`${name} cannot be loaded: ${error.message}`);
  }
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
  onModel: (name) => choose(name, "elsewhere"),
  onSay: say,
  onServer: (there) => say(there ? "" : "The server is gone. You can go on playing; the page looks for it."),
});

$("undo").addEventListener("click", () => playing.undo());
$("redo").addEventListener("click", () => playing.redo());
$("release").addEventListener("click", () => {
  playing.begin();
  playing.release();
});
startTheme($("theme"), () => pad.redraw());

new ResizeObserver(() => {
  const { clientWidth: width, clientHeight: height } = $("pad");
  pad.resize(width, height, devicePixelRatio);
  dots.resize(width, height, devicePixelRatio);
}).observe($("pad"));

const models = await listModels();
$("model").replaceChildren(
  ...models.map(({ name, instrument, error }) => {
    const option = new Option(instrument && instrument !== name ? `${instrument}: ${name}` : name, name);
    option.disabled = Boolean(error);
    return option;
  })
);

/** For tests and benchmarks. */
window.studio = { playing, pad, dots, knobs, link, sounding, choose };
