// What is played: a model, the point, the parameters. Everything on the page reads and moves this.
import { Performer } from "/engine.js";

const LONGEST_HISTORY = 200;

/** A performance with a history, that tells everybody who listens. */
export class Playing {
  constructor() {
    this.model = null;
    this.performer = null;
    this.past = [];
    this.future = [];
    this.listeners = [];
    this.modelListeners = [];
  }

  /** Call a function after every change: listener(playing, from), from "here" or "elsewhere". */
  onChange(listener) {
    this.listeners.push(listener);
  }

  /** Call a function when another model is played. */
  onModel(listener) {
    this.modelListeners.push(listener);
  }

  get c() {
    return this.performer.c;
  }

  get p() {
    return this.performer.p;
  }

  /** What the map gives at the point, without what is held. */
  get mapped() {
    return this.performer.mapped;
  }

  /** Which parameters follow the map. */
  get active() {
    return this.performer.active || this.p.map(() => true);
  }

  /** Play another model; the point stays, if it has as many coordinates. */
  play(model, from = "here") {
    const before = this.performer;
    this.model = model;
    this.performer = new Performer(model.map);
    if (before && before.c.length === this.c.length) this.performer.move(before.c);
    this.past = [];
    this.future = [];
    for (const listener of this.modelListeners) listener(this, from);
    this.tell(from);
  }

  move(c) {
    this.performer.move(c);
    this.tell("here");
  }

  set(index, value) {
    this.performer.set(index, value);
    this.tell("here");
  }

  release() {
    this.performer.release();
    this.tell("here");
  }

  activate(mask) {
    this.performer.activate(mask);
    this.tell("here", "active");
  }

  place(c, p) {
    this.performer.place(c, p);
    this.tell("here");
  }

  /** Be where another page is. */
  follow(c, p, active) {
    if (active.some((on, i) => on !== this.active[i])) this.performer.activate(active);
    this.performer.place(c, p);
    this.tell("elsewhere");
  }

  /** Remember where everything is, as what a hand begins now can be undone. */
  begin() {
    this.past.push(this.state());
    if (this.past.length > LONGEST_HISTORY) this.past.shift();
    this.future = [];
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(from, to) {
    const state = from.pop();
    if (!state) return;
    to.push(this.state());
    this.performer.activate(state.active);
    this.performer.place(state.c, state.p);
    this.tell("here", "active");
  }

  state() {
    return { c: [...this.c], p: [...this.p], active: [...this.active] };
  }

  tell(from, what) {
    for (const listener of this.listeners) listener(this, from, what);
  }
}
