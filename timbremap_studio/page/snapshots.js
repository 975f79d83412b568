// Snapshots: where everything was, to be there again, at once or over a time. Kept by the browser,
// for each map its own, and in a file to share.
import { button, element, head } from "./elements.js";
import { open, save } from "./files.js";

const FORMAT = "timbremap-snapshots/1";
const MOST = 500;
const LONGEST_NAME = 60;

const key = (model) => `timbremap.snapshots.${model.name}.${model.map.identity}`;
const isRow = (row, size) =>
  Array.isArray(row) && row.length === size && row.every((x) => typeof x === "number" && isFinite(x));

/** Check what a file or the browser kept; what does not fit the map is an error. */
function checked(content, model) {
  const said = JSON.parse(content);
  if (said?.format !== FORMAT || !Array.isArray(said.snapshots)) {
    throw new Error("not a file of snapshots; open one that was saved here");
  }
  const { controlSize, parameterSize } = model.map;
  return said.snapshots.slice(0, MOST).map((one) => {
    if (!isRow(one?.c, controlSize) || !isRow(one?.p, parameterSize)) {
      throw new Error(`a snapshot is of another instrument; open it with the model ${said.model}`);
    }
    return { name: String(one.name ?? "").slice(0, LONGEST_NAME), c: one.c, p: one.p };
  });
}

export class Snapshots {
  constructor(section, playing, say) {
    this.playing = playing;
    this.say = say;
    this.list = [];
    this.morphing = 0;
    this.name = element("input", {
      type: "text",
      maxLength: LONGEST_NAME,
      placeholder: "Name",
      "aria-label": "Name of the next snapshot",
    });
    this.seconds = element("input", { type: "number", min: "0", max: "120", step: "0.1", value: "0" });
    this.items = element("ol", { className: "snapshots" });
    const form = element(
      "form",
      { className: "bar" },
      this.name,
      element("button", { type: "submit", textContent: "Store" }),
      element("span", { className: "spring" }),
      element("label", { textContent: "Morph over " }, this.seconds, " s")
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.store(this.name.value.trim());
      this.name.value = "";
    });
    section.append(
      head(
        "snapshots-title",
        "Snapshots",
        button("Open", () => open(".json", (text) => this.open(text)), { title: "Add those of a file" }),
        button("Save", () => this.save(), { title: "Save all in a file" })
      ),
      form,
      this.items
    );
    playing.onModel(() => this.load());
    // Another page of this browser stored one.
    addEventListener("storage", (event) => {
      if (playing.model && event.key === key(playing.model)) this.load();
    });
  }

  content() {
    const { model } = this.playing;
    const snapshots = this.list;
    return JSON.stringify(
      { format: FORMAT, model: model.name, map: model.map.identity, parameters: model.parameters, snapshots },
      null,
      1
    );
  }

  load() {
    const { model } = this.playing;
    this.list = [];
    try {
      const kept = localStorage.getItem(key(model));
      if (kept) this.list = checked(kept, model);
    } catch (error) {
      this.say(`The snapshots that this browser kept cannot be read: ${error.message}`);
    }
    this.show();
  }

  keep() {
    try {
      localStorage.setItem(key(this.playing.model), this.content());
    } catch {
      this.say("This browser does not keep the snapshots; save them in a file.");
    }
    this.show();
  }

  store(name) {
    if (this.list.length >= MOST) return this.say(`There are ${MOST} snapshots; remove one first.`);
    const { c, p } = this.playing.state();
    this.list.push({ name: name || `Snapshot ${this.list.length + 1}`, c, p });
    this.keep();
  }

  remove(index) {
    this.list.splice(index, 1);
    this.keep();
  }

  open(text) {
    try {
      this.list = [...this.list, ...checked(text, this.playing.model)].slice(0, MOST);
      this.keep();
    } catch (error) {
      this.say(`The file cannot be used: ${error.message}`);
    }
  }

  save() {
    save(this.content(), `${this.playing.model.name} snapshots.json`, "application/json");
  }

  /** Go to a snapshot, in so many seconds; a hand that moves anything meanwhile takes over. */
  recall(index, seconds = Number(this.seconds.value) || 0) {
    const { playing } = this;
    const goal = this.list[index];
    playing.begin();
    const run = ++this.morphing;
    if (!(seconds > 0)) return playing.place(goal.c, goal.p);
    const { c, p, mapped, model } = playing;
    const from = { c: [...c], held: p.map((x, i) => x - mapped[i]) };
    const there = model.map.forward(goal.c);
    const to = goal.p.map((x, i) => x - there[i]);
    const began = performance.now();
    let last = playing.state();
    const step = (now) => {
      const moved = playing.c.some((x, i) => x !== last.c[i]) || playing.p.some((x, i) => x !== last.p[i]);
      if (run !== this.morphing || moved || playing.model !== model) return;
      const share = Math.min(Math.max((now - began) / (1000 * seconds), 0), 1);
      // The point goes straight, and what is held on top of the map changes evenly with it.
      const point = from.c.map((x, i) => x + share * (goal.c[i] - x));
      const mapped = model.map.forward(point);
      const held = from.held.map((x, i) => x + share * (to[i] - x));
      if (share === 1) playing.place(goal.c, goal.p);
      else playing.place(point, mapped.map((x, i) => x + held[i]));
      last = playing.state();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  show() {
    this.items.replaceChildren(
      ...this.list.map(({ name }, index) =>
        element(
          "li",
          {},
          button(name, () => this.recall(index), { className: "name" }),
          button("×", () => this.remove(index), { "aria-label": `Remove ${name}`, className: "small" })
        )
      )
    );
    this.items.hidden = this.list.length === 0;
  }
}
