// Gestures: the way of the point and of the parameters, recorded, drawn or opened, and played again.
import { button, element, head } from "./elements.js";
import { open, save } from "./files.js";
import { coordinateNames } from "./models.js";

const LONGEST_S = 600;
const MOST_ROWS = 120_000;
const STOOD_STILL_S = 0.04; // without a row: between two the way is straight

/** What a row of a gesture is: seconds, the point, the parameters. */
const header = (model) => [
  "time_s",
  ...coordinateNames(model.map),
  ...model.parameters.map((name) => (/[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)),
];

/** A gesture as CSV. */
export function toCsv(gesture, model) {
  const rows = gesture.rows.map(({ t, c, p }) =>
    [t.toFixed(4), ...c.map((x) => x.toFixed(6)), ...p.map((x) => x.toFixed(4))].join(",")
  );
  return [header(model).join(","), ...rows].join("\n") + "\n";
}

/** Read a gesture from CSV: a time and a point in each row; parameters are computed if missing. */
export function fromCsv(text, model) {
  const { controlSize, parameterSize } = model.map;
  const rows = [];
  let free = true;
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (!line.trim()) continue;
    const [t, ...values] = line.split(",").map(Number);
    if (Number.isNaN(t) && rows.length === 0) continue; // the heads
    const numbers = [t, ...values].every(Number.isFinite);
    const whole = values.length === controlSize + parameterSize;
    if (!numbers || !(whole || values.length === controlSize) || t < (rows.at(-1)?.t ?? 0)) {
      throw new Error(
        `line ${at + 1} is not a time that grows and ${controlSize} coordinates ` +
          `(and ${parameterSize} parameters)`
      );
    }
    if (t > LONGEST_S || rows.length >= MOST_ROWS) throw new Error(`longer than ${LONGEST_S} s`);
    const c = values.slice(0, controlSize).map((x) => Math.min(Math.max(x, 0), 1));
    rows.push({ t, c, p: whole ? values.slice(controlSize) : model.map.forward(c) });
    free &&= !whole;
  }
  if (rows.length < 2) throw new Error("fewer than two rows");
  return { rows, notes: [], length: rows.at(-1).t, free };
}

/**
 * Records, loops and plays. A gesture is rows of { t, c, p }, notes of the hand, and its length;
 * where `free`, the point alone was given, and what is held by hand stays held.
 */
export class Gestures {
  constructor(section, playing, { say, sounding }) {
    this.playing = playing;
    this.say = say;
    this.sounding = sounding;
    this.gesture = null;
    this.recording = null;
    this.run = null;
    this.record = button("Record", () => (this.recording ? this.stop() : this.start()), {
      "aria-pressed": "false",
    });
    this.replay = button("Play", () => (this.run ? this.halt() : this.play()), { "aria-pressed": "false" });
    this.loop = element("input", { type: "checkbox", checked: true });
    this.lasts = element("input", { type: "number", min: "0.1", max: String(LONGEST_S), step: "0.1" });
    this.lasts.addEventListener("change", () => this.stretch(Number(this.lasts.value)));
    this.text = element("p", { className: "hint", role: "status" });
    this.csv = button("Save CSV", () =>
      save(toCsv(this.gesture, playing.model), `${playing.model.name} gesture.csv`, "text/csv")
    );
    this.wav = button("Save sound", () => this.saveSound());
    this.actions = element(
      "div",
      { className: "bar" },
      element("label", { textContent: "Lasts " }, this.lasts, " s"),
      element("span", { className: "spring" }),
      this.csv,
      this.wav
    );
    section.append(
      head("gestures-title", "Gestures", button("Open CSV", () => open(".csv", (text) => this.open(text)))),
      element("div", { className: "bar" }, this.record, this.replay, element("label", {}, this.loop, " Loop")),
      this.text,
      this.actions
    );
    playing.onChange((_, from) => {
      if (this.recording) this.take();
    });
    playing.onModel(() => {
      if (this.recording) this.stop();
      if (this.gesture && !this.fits()) this.keep(null);
    });
    sounding.onNote((note) => {
      if (this.recording) this.recording.notes.push({ t: this.now(), ...note });
    });
    this.show();
  }

  now() {
    return (performance.now() - this.recording.began) / 1000;
  }

  start() {
    this.halt();
    this.recording = { rows: [], notes: [], began: performance.now() };
    this.take();
    this.show();
  }

  take() {
    const t = this.now();
    if (t > LONGEST_S || this.recording.rows.length >= MOST_ROWS) return this.stop();
    const { rows } = this.recording;
    const last = rows.at(-1);
    if (last && t - last.t > STOOD_STILL_S) rows.push({ ...last, t: t - 0.001 });
    const { c, p } = this.playing;
    rows.push({ t, c: [...c], p: [...p] });
  }

  stop() {
    const { rows, notes } = this.recording;
    const length = this.now();
    rows.push({ ...rows.at(-1), t: length });
    this.recording = null;
    this.keep({ rows, notes, length });
  }

  /** Take a gesture that was recorded, drawn or opened. */
  keep(gesture) {
    this.halt();
    this.gesture = gesture;
    this.show();
    this.onKept?.();
  }

  /** Let it last so long. */
  stretch(seconds) {
    if (!(seconds >= 0.1 && seconds <= LONGEST_S)) return this.show();
    const { rows, notes, length } = this.gesture;
    const longer = (one) => ({ ...one, t: (one.t * seconds) / length });
    const wasPlaying = Boolean(this.run);
    this.keep({ ...this.gesture, rows: rows.map(longer), notes: notes.map(longer), length: seconds });
    if (wasPlaying) this.play();
  }

  /** Save what the gesture sounds like. */
  async saveSound() {
    this.wav.disabled = true;
    const blob = await this.sounding.renderGesture(this.gesture);
    this.wav.disabled = false;
    if (blob) save(blob, `${this.playing.model.name} gesture.wav`);
    else this.say("This model has no sound of its own here; record the instrument that it plays.");
  }

  open(text) {
    try {
      this.keep(fromCsv(text, this.playing.model));
    } catch (error) {
      this.say(`The file cannot be used: ${error.message}; open one that was saved here.`);
    }
  }

  fits() {
    const [row] = this.gesture.rows;
    const { map } = this.playing.model;
    return row.c.length === map.controlSize && row.p.length === map.parameterSize;
  }

  /**
   * Play the gesture. What was held on top of the map is held again; another model plays the same
   * way of the point with its own parameters.
   */
  play() {
    if (!this.gesture) return;
    this.playing.begin();
    this.run = { began: performance.now(), row: 0, note: 0, model: this.playing.model };
    this.sounding.gestureBegins(this.gesture);
    this.step();
    this.show();
  }

  step() {
    if (!this.run) return;
    const { gesture, run, playing } = this;
    let t = (performance.now() - run.began) / 1000;
    if (t >= gesture.length) {
      if (!this.loop.checked) return this.halt();
      run.began += gesture.length * 1000 * Math.floor(t / gesture.length);
      run.row = run.note = 0;
      t = (performance.now() - run.began) / 1000;
    }
    const { rows, notes } = gesture;
    while (run.row + 1 < rows.length && rows[run.row + 1].t <= t) run.row++;
    const { c, p } = between(rows[run.row], rows[run.row + 1], t);
    if (playing.model === run.model && !gesture.free) playing.place(c, p);
    else playing.move(c);
    for (; run.note < notes.length && notes[run.note].t <= t; run.note++) {
      this.sounding.playNote(notes[run.note]);
    }
    run.timer = requestAnimationFrame(() => this.step());
  }

  halt() {
    if (this.run) {
      cancelAnimationFrame(this.run.timer);
      this.run = null;
      this.sounding.gestureEnds();
    }
    this.show();
  }

  show() {
    const { gesture, recording, run } = this;
    this.record.textContent = recording ? "Stop" : "Record";
    this.record.setAttribute("aria-pressed", String(Boolean(recording)));
    this.replay.textContent = run ? "Stop" : "Play";
    this.replay.setAttribute("aria-pressed", String(Boolean(run)));
    this.replay.disabled = !gesture;
    this.actions.hidden = !gesture;
    if (gesture) this.lasts.value = gesture.length.toFixed(1);
    this.text.textContent = recording
      ? "Recording all that you do."
      : gesture
        ? `A gesture of ${gesture.rows.length} steps.`
        : "Record what you do, or draw a way on the pad.";
  }
}

/** Where a gesture is at a time between two rows. */
function between(row, next, t) {
  if (!next || next.t <= row.t) return row;
  const share = Math.min((t - row.t) / (next.t - row.t), 1);
  const mix = (a, b) => a.map((x, i) => x + share * (b[i] - x));
  return { c: mix(row.c, next.c), p: mix(row.p, next.p) };
}
