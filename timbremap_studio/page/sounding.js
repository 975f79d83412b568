// What is heard of the hand: the pad, the computer's keys and MIDI play the instrument of the model.
import { Performer } from "/engine.js";
import { createKeyboard } from "/page/sound/keyboard.js";
import { createMidi, createMidiOut } from "/page/sound/midi.js";
import { createPlayer } from "/page/sound/player.js";
import { renderGesture } from "/page/sound/render.js";
import { createMeter, createScope } from "/page/sound/scope.js";

const NO_INSTRUMENT = { note: { pitch: 57, velocity: 100 } };
const VOLUME = 0.8;

/** Sounds what is played. `bar` takes what is seen of it, `say(text)` what goes wrong. */
export class Sounding {
  constructor(playing, bar, say) {
    this.playing = playing;
    this.say = say;
    this.player = null;
    this.synth = null; // a MIDI output, in place of the page's own sound
    this.instrument = NO_INSTRUMENT;
    this.instruments = new Map(); // by the name of the model
    this.other = null;
    this.listeners = [];
    this.replayed = new Set(); // notes of a gesture
    this.hands = this.listened();
    this.draw(bar);
    playing.onModel(() => this.load().catch((error) => say(`No sound: ${error.message}`)));
    playing.onChange(() => this.voice()?.setParameters(playing.p));
    this.ready = this.open();
  }

  /** The page's own sound, or the synth that was chosen. */
  voice() {
    return this.synth ?? this.player;
  }

  /** What keys and MIDI play: what a recording is told of, too. */
  listened() {
    const tell = (note) => this.listeners.forEach((listener) => listener(note));
    return {
      noteOn: (note, velocity, id, p = null) => {
        this.voice()?.noteOn(note, velocity, id, p);
        tell({ on: true, id, note, velocity, p });
      },
      noteOff: (id) => {
        this.voice()?.noteOff(id);
        tell({ on: false, id });
      },
      setParameters: (p, id) => {
        this.voice()?.setParameters(p, id);
        tell({ id, p });
      },
    };
  }

  async open() {
    try {
      this.player = await createPlayer();
      this.player.setVolume(VOLUME);
      createScope(this.scope, this.player.analyser);
      createMeter(this.meter, this.player.analyser);
      await this.load();
    } catch (error) {
      this.say(`No sound: ${error.message}`);
    }
  }

  /** Change to the instrument of the model that is played. */
  async load() {
    const { model } = this.playing;
    if (!model || !this.player) return;
    this.other = new Performer(model.map);
    const { name } = model;
    if (!this.instruments.has(name)) this.instruments.set(name, await this.fetched(model));
    if (this.playing.model !== model) return;
    const found = this.instruments.get(name);
    this.instrument = found ?? NO_INSTRUMENT;
    await this.player.load(found, this.playing.p);
    if (this.playing.model === model) this.voice().setParameters(this.playing.p);
  }

  /** The instrument of a model; null, and the reason said, if none sounds in the page. */
  async fetched({ name, playing }) {
    if (playing?.engine !== "faust") {
      this.say(
        playing
          ? `${name} is silent here: its engine is ${playing.engine}; play it over OSC or MIDI.`
          : `${name} is silent here: its instrument was not found; start tm-studio in the folder ` +
              "where the model was trained."
      );
      return null;
    }
    const answer = await fetch(`/models/${encodeURIComponent(name)}/instrument.json`);
    if (answer.ok) return answer.json();
    this.say(`${name} is silent here: ${(await answer.text()).trim()}`);
    return null;
  }

  /** The pitch and velocity that the sounds were learned with. */
  get note() {
    return this.instrument.note;
  }

  // -------------------------------------------------------------------- the pad

  /**
   * A pointer came down, moved or was lifted. The one that leads moves the point, and what sounds
   * follows it; others are notes at points of their own.
   */
  press(id, lead, c) {
    if (lead && this.voice()?.holding) return;
    const { pitch, velocity } = this.note;
    this.hands.noteOn(pitch, velocity, `finger ${id}`, lead ? null : this.parametersAt(c));
  }

  bend(id, lead, c) {
    if (!lead) this.hands.setParameters(this.parametersAt(c), `finger ${id}`);
  }

  lift(id) {
    this.hands.noteOff(`finger ${id}`);
  }

  /** Hold the note without a hand, or let it go. */
  toggle(on = !this.held.checked) {
    this.held.checked = on;
    const { pitch, velocity } = this.note;
    if (on) this.hands.noteOn(pitch, velocity, "held");
    else this.hands.noteOff("held");
  }

  /** Play the note of the instrument once, with parameters of its own. */
  audition(p) {
    const { pitch, velocity } = this.note;
    this.voice()?.noteOn(pitch, velocity, "heard", [...p]);
    clearTimeout(this.hearing);
    const { sustain_ms = 400 } = this.playing.model.playing?.note ?? {};
    this.hearing = setTimeout(() => this.voice()?.noteOff("heard"), sustain_ms);
  }

  // -------------------------------------------------------------------- gestures

  /** Be told of every note: { on, id, note, velocity, p }, and of { id, p } when one moves. */
  onNote(listener) {
    this.listeners.push(listener);
  }

  /** A gesture begins; one without notes is heard by a note that lasts as long. */
  gestureBegins({ notes }) {
    const { pitch, velocity } = this.note;
    if (notes.length === 0 && !this.voice()?.holding) {
      this.playNote({ on: true, id: "whole", note: pitch, velocity });
    }
  }

  playNote({ on, id, note, velocity, p }) {
    const own = `gesture ${id}`;
    if (on) this.voice()?.noteOn(note, velocity, own, this.fits(p));
    else if (on === false) this.voice()?.noteOff(own);
    else if (this.fits(p)) this.voice()?.setParameters(p, own);
    if (on) this.replayed.add(own);
  }

  gestureEnds() {
    for (const id of this.replayed) this.voice()?.noteOff(id);
    this.replayed.clear();
  }

  /** Parameters of a note, if they are of this model. */
  fits(p) {
    return p?.length === this.playing.p.length ? p : null;
  }

  /** A gesture as a WAV file; null if the model has no instrument that the page plays. */
  async renderGesture({ rows, notes, length }) {
    if (this.instrument === NO_INSTRUMENT) return null;
    return renderGesture(this.instrument, {
      points: rows.map(({ t, p }) => [t, p]),
      notes: notes.length ? spans(notes, length) : [{ ...wholeNote(this.note), end: length }],
      length,
    });
  }

  // -------------------------------------------------------------------- MIDI

  /** Parameters at the point of a note, with what is held by hand. */
  parametersAt(point) {
    const { performer } = this.playing;
    const { held, active, p, c } = performer;
    Object.assign(this.other, { held, active, p });
    return [...this.other.move(c.map((value, i) => point[i] ?? value))];
  }

  async useMidi() {
    try {
      const { access } = await createMidi(this.hands, {
        parametersAt: (point) => this.parametersAt(point),
        follow: (point) => this.playing.move(this.playing.c.map((value, i) => point[i] ?? value)),
        changed: ({ inputs, outputs }) => {
          this.midi.title = inputs.length ? `From ${inputs.join(", ")}` : "No input is plugged in";
          this.output.replaceChildren(
            ...["This page", ...outputs].map((name, i) => new Option(name, String(i - 1)))
          );
          this.output.hidden = outputs.length === 0;
        },
      });
      this.midi.setAttribute("aria-pressed", "true");
      this.midi.disabled = true;
      this.output.addEventListener("change", () => {
        this.voice()?.allOff();
        const port = [...access.outputs.values()][Number(this.output.value)];
        this.synth = port ? createMidiOut(port) : null;
        this.voice()?.setParameters(this.playing.p);
      });
    } catch (error) {
      this.say(`No MIDI: ${error.message}`);
    }
  }

  // -------------------------------------------------------------------- what is seen

  draw(bar) {
    const make = (name, properties) => Object.assign(document.createElement(name), properties);
    this.scope = make("canvas", { className: "scope", ariaHidden: "true" });
    this.meter = make("div", { className: "meter", ariaLabel: "Level" });
    const volume = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: VOLUME });
    this.held = make("input", { type: "checkbox" });
    this.midi = make("button", { type: "button", textContent: "MIDI" });
    this.output = make("select", { hidden: true, ariaLabel: "Plays" });
    const loud = make("label", { textContent: "Volume " });
    const hold = make("label", {});
    loud.append(volume);
    hold.append(this.held, " Hold");
    hold.title = "Let the note sound while nothing is pressed. The keys A W S E D F … play notes, too.";
    bar.append(this.scope, this.meter, loud, hold, this.midi, this.output);
    volume.addEventListener("input", () => this.player?.setVolume(Number(volume.value)));
    this.held.addEventListener("change", () => this.toggle(this.held.checked));
    this.midi.addEventListener("click", () => this.useMidi());
    createKeyboard(window, this.hands);
  }
}

function wholeNote({ pitch, velocity }) {
  return { start: 0, note: pitch, velocity };
}

/** Notes from when they begin to when they end. */
function spans(events, length) {
  const open = new Map();
  const found = [];
  for (const { t, on, id, note, velocity, p } of events) {
    if (on === undefined) {
      open.get(id)?.moves.push([t, p]);
      continue;
    }
    if (open.has(id)) open.get(id).end = t;
    open.delete(id);
    if (!on) continue;
    const span = { start: t, end: length, note, velocity, values: p, moves: [] };
    open.set(id, span);
    found.push(span);
  }
  return found;
}
