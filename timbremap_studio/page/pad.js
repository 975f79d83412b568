// The pad: pointers, wheel and keys become a point; what is under the hand is drawn.

const STEP = 0.02;
const LONG_STEP = 0.1;
const WHEEL = 0.001;
const TRAIL_MS = 900;

const clip = (x) => Math.min(Math.max(x, 0), 1);

/**
 * The pad. Its tool is told where each pointer is:
 * `tool.down(id, c, lead)`, `tool.move(id, c, lead)`, `tool.up(id, lead)`. The first pointer leads;
 * those that come down beside it are more fingers.
 */
export class Pad {
  constructor(element, canvas, playing) {
    this.element = element;
    this.canvas = canvas;
    this.playing = playing;
    this.tool = null;
    this.pointers = new Map();
    this.leader = null;
    this.trail = [];
    this.way = () => []; // points to draw a line through
    this.touched = null; // a point to ring
    this.waiting = false;
    this.timings = new Float64Array(8192); // ms from an event to the parameters, the latest
    this.timed = 0;
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      element.addEventListener(end, (event) => this.up(event));
    }
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    playing.onChange(() => this.redraw());
  }

  resize(width, height, scale) {
    this.width = width;
    this.height = height;
    this.scale = scale;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.redraw();
  }

  /** The point under a pointer: a pen's and a finger's pressure count, a mouse has none. */
  pointOf(event) {
    const { box } = this;
    const c = [...this.playing.c];
    c[0] = clip((event.clientX - box.left) / box.width);
    if (c.length > 1) c[1] = clip(1 - (event.clientY - box.top) / box.height);
    const measured = event.pressure > 0 && event.pressure < 1 && event.pressure !== 0.5;
    const presses = event.pointerType === "pen" ? event.pressure > 0 : event.pointerType === "touch";
    if (c.length > 2 && presses && measured) c[2] = event.pressure;
    return c;
  }

  down(event) {
    if (event.button > 0) return;
    const started = performance.now();
    // To ask for it at every move would lay the page out anew each time.
    if (!this.pointers.size) this.box = this.element.getBoundingClientRect();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const c = this.pointOf(event);
    this.pointers.set(event.pointerId, c);
    this.leader ??= event.pointerId;
    this.tool.down(event.pointerId, c, this.leads(event.pointerId));
    this.time(started);
  }

  moved(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const started = performance.now();
    const c = this.pointOf(event);
    this.pointers.set(event.pointerId, c);
    this.tool.move(event.pointerId, c, this.leads(event.pointerId));
    this.time(started);
  }

  up(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const lead = this.leads(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (lead) this.leader = null; // the next that comes leads; those that are down stay fingers
    this.tool.up(event.pointerId, lead);
    this.redraw();
  }

  leads(id) {
    return this.leader === id;
  }

  time(started) {
    this.timings[this.timed++ % this.timings.length] = performance.now() - started;
  }

  wheel(event) {
    if (this.playing.c.length < 3 || event.ctrlKey) return;
    event.preventDefault();
    this.nudge(2, -event.deltaY * WHEEL * (event.deltaMode ? 16 : 1));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? LONG_STEP : STEP;
    const moves = {
      ArrowLeft: [0, -step],
      ArrowRight: [0, step],
      ArrowDown: [1, -step],
      ArrowUp: [1, step],
      PageDown: [2, -step],
      PageUp: [2, step],
    };
    if (event.key === "Enter" || event.key === " ") {
      if (!event.repeat) this.tool.enter?.([...this.playing.c]);
    } else if (event.key === "Home") {
      this.playing.begin();
      this.playing.move(this.playing.c.map(() => 0.5));
    } else if (event.key in moves) {
      if (!event.repeat) this.playing.begin();
      this.nudge(...moves[event.key]);
    } else return;
    event.preventDefault();
  }

  nudge(axis, by) {
    const c = [...this.playing.c];
    if (axis >= c.length) return;
    c[axis] = clip(c[axis] + by);
    this.playing.move(c);
  }

  redraw() {
    if (this.waiting || !this.width) return;
    this.waiting = true;
    requestAnimationFrame((now) => this.draw(now));
  }

  place(c) {
    return [c[0] * this.canvas.width, (1 - (c.length > 1 ? c[1] : 0.5)) * this.canvas.height];
  }

  draw(now) {
    this.waiting = false;
    if (!this.playing.performer) return;
    const { canvas, scale } = this;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(this.element);
    const ink = style.getPropertyValue("--point");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.lineCap = "round";

    const c = this.playing.c;
    const last = this.trail.at(-1);
    if (!last || last.c[0] !== c[0] || last.c[1] !== c[1]) this.trail.push({ c: [...c], at: now });
    while (this.trail.length > 1 && now - this.trail[1].at > TRAIL_MS) this.trail.shift();
    context.strokeStyle = ink;
    for (let i = 1; i < this.trail.length; i++) {
      const share = 1 - (now - this.trail[i].at) / TRAIL_MS;
      if (share <= 0) continue;
      context.globalAlpha = 0.5 * share;
      context.lineWidth = (1 + 4 * share) * scale;
      context.beginPath();
      context.moveTo(...this.place(this.trail[i - 1].c));
      context.lineTo(...this.place(this.trail[i].c));
      context.stroke();
    }
    context.globalAlpha = 1;

    const way = this.way();
    if (way.length > 1) {
      context.globalAlpha = 0.6;
      context.lineWidth = 1.5 * scale;
      context.beginPath();
      way.forEach((point, i) => context[i ? "lineTo" : "moveTo"](...this.place(point)));
      context.stroke();
      context.globalAlpha = 1;
    }
    if (this.touched) this.ring(context, this.touched, 7, ink, false);
    for (const [id, finger] of this.pointers) {
      if (!this.leads(id)) this.ring(context, finger, 10, ink, false);
    }
    this.ring(context, c, 9 + 11 * (c.length > 2 ? c[2] : 0.5), ink, true);
    // The trail fades on by itself.
    if (this.trail.length > 1 && now - this.trail.at(-1).at < TRAIL_MS) this.redraw();
  }

  ring(context, c, radius, ink, filled) {
    const style = getComputedStyle(this.element);
    context.beginPath();
    context.arc(...this.place(c), radius * this.scale, 0, 2 * Math.PI);
    context.lineWidth = 5 * this.scale;
    context.strokeStyle = style.getPropertyValue("--pad");
    context.stroke();
    context.lineWidth = 2.5 * this.scale;
    context.strokeStyle = ink;
    context.stroke();
    if (!filled) return;
    context.beginPath();
    context.arc(...this.place(c), 3 * this.scale, 0, 2 * Math.PI);
    context.fillStyle = ink;
    context.fill();
  }
}
