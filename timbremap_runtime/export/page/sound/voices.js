// A Faust voice, many times at once: WebAssembly in, samples out. Knows nothing of Web Audio, so the
// same code sounds in an AudioWorklet, renders a gesture faster than it is played, and runs in Node.

/** Samples computed at a time; a gate or a parameter moves at their start, as in the renderer. */
export const BLOCK = 32;

const SMOOTHING_S = 0.005; // of parameters that move while a note sounds
const STEAL_S = 0.004; // a voice that is needed elsewhere fades out first
const SILENCE_S = 0.5; // so long below QUIET, and a released voice is free
const QUIET = 1e-5;

/** Functions of C that Faust's modules may import and JavaScript has under no such name. */
const FUNCTIONS = {
  fmod: (x, y) => x % y,
  remainder: (x, y) => x - y * rint(x / y),
  exp10: (x) => 10 ** x,
  rint,
  round: (x) => Math.sign(x) * Math.round(Math.abs(x)),
  isnan: (x) => Number(Number.isNaN(x)),
  isinf: (x) => Number(Math.abs(x) === Infinity),
  copysign: (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)),
};

/** What Faust's modules import: functions of single precision, such as _tanf. */
const ENVIRONMENT = new Proxy(
  {},
  {
    get: (_, name) => {
      const word = String(name).replace(/^_/, "").replace(/f$/, "");
      return FUNCTIONS[word] ?? Math[word];
    },
  }
);

/** To the nearest whole number, from the middle to the even one, as Python and C do. */
function rint(x) {
  const nearest = Math.round(x);
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/** Parameters 0 to 127 in the units of the voice. */
export function inUnits(controls, values) {
  return controls.map(({ low, high, steps }, i) => {
    const last = steps === null ? null : steps - 1;
    const share = last === null ? values[i] / 127 : rint((values[i] / 127) * last) / last;
    return low + (high - low) * share;
  });
}

/** Bytes of a module, whether they come as they are or in base64. */
export function bytesOf(wasm) {
  if (typeof wasm !== "string") return wasm;
  return Uint8Array.from(atob(wasm), (letter) => letter.charCodeAt(0));
}

/** One instance of the module. */
class Voice {
  constructor(module, instrument, sampleRate) {
    this.instrument = instrument;
    this.dsp = new WebAssembly.Instance(module, { env: ENVIRONMENT }).exports;
    const { size, inputs, outputs } = instrument;
    const start = (size + 15) & ~15;
    const pointers = inputs + outputs;
    const needed = start + 4 * pointers + 4 * BLOCK * pointers;
    const { memory } = this.dsp;
    const missing = needed - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    this.inputs = start;
    this.outputs = start + 4 * inputs;
    const samples = start + 4 * pointers;
    const table = new Uint32Array(memory.buffer, start, pointers);
    for (let i = 0; i < pointers; i++) table[i] = samples + 4 * BLOCK * i;
    this.channels = Array.from(
      { length: outputs },
      (_, i) => new Float32Array(memory.buffer, table[inputs + i], BLOCK)
    );
    // Faust 2.85 fills tables before it keeps the sample rate that they may depend on.
    this.dsp.instanceConstants(0, sampleRate);
    this.dsp.init(0, sampleRate);
    this.sampleRate = sampleRate;
    this.now = [];
    this.goal = [];
    this.idle = true;
    this.next = null;
    this.turn = 0;
  }

  start({ id, pitch, velocity, goal, own }) {
    const { dsp, instrument } = this;
    Object.assign(this, { id, own, goal, now: [...goal], idle: false, next: null });
    Object.assign(this, { held: true, level: 1, quiet: 0 });
    dsp.instanceClear(0);
    for (const [index, value] of instrument.fixed) dsp.setParamValue(0, index, value);
    instrument.controls.forEach(({ index }, i) => dsp.setParamValue(0, index, goal[i]));
    dsp.setParamValue(0, instrument.freq, 440 * 2 ** ((pitch - 69) / 12));
    dsp.setParamValue(0, instrument.gain, velocity / 127);
    dsp.setParamValue(0, instrument.gate, 1);
  }

  release() {
    this.held = false;
    this.dsp.setParamValue(0, this.instrument.gate, 0);
  }

  stop() {
    this.idle = true;
    this.next = null;
  }

  /** Add a block of at most BLOCK samples to the channels, from a place on. */
  add(channels, at, n) {
    this.smooth(n);
    this.dsp.compute(0, n, this.inputs, this.outputs);
    const slope = this.next === null ? 0 : -1 / (STEAL_S * this.sampleRate);
    let peak = 0;
    for (const samples of this.channels) {
      for (let i = 0; i < n; i++) peak = Math.max(peak, Math.abs(samples[i]));
    }
    if (!Number.isFinite(peak)) return this.stop(); // it has run away
    channels.forEach((channel, c) => {
      const samples = this.channels[Math.min(c, this.channels.length - 1)];
      for (let i = 0; i < n; i++) channel[at + i] += samples[i] * Math.max(0, this.level + slope * i);
    });
    this.level = Math.max(0, this.level + slope * n);
    this.quiet = peak < QUIET ? this.quiet + n : 0;
    if (this.next !== null) {
      if (this.level === 0) this.next.over ? this.stop() : this.start(this.next);
    } else if (!this.held && this.quiet > SILENCE_S * this.sampleRate) {
      this.stop();
    }
  }

  smooth(n) {
    const share = 1 - Math.exp(-n / (SMOOTHING_S * this.sampleRate));
    this.instrument.controls.forEach(({ index, low, high, steps }, i) => {
      const way = this.goal[i] - this.now[i];
      if (way === 0) return;
      const there = steps !== null || Math.abs(way) < 1e-6 * Math.abs(high - low);
      this.now[i] = there ? this.goal[i] : this.now[i] + way * share;
      this.dsp.setParamValue(0, index, this.now[i]);
    });
  }
}

/** Notes played by as many instances of a module. */
export class Voices {
  /**
   * @param module a WebAssembly.Module
   * @param instrument its description, as timbremap_runtime.export.wasm makes it
   * @param values the parameters, 0 to 127, until others are set
   */
  constructor(module, instrument, sampleRate, { count = 8, values }) {
    this.instrument = instrument;
    this.voices = Array.from({ length: count }, () => new Voice(module, instrument, sampleRate));
    this.goal = inUnits(instrument.controls, values);
    this.order = 0;
  }

  /** Begin a note; with values it keeps parameters of its own. */
  noteOn(id, pitch, velocity, values = null) {
    this.noteOff(id);
    const own = this.fits(values);
    const goal = own ? inUnits(this.instrument.controls, values) : this.goal;
    const note = { id, pitch, velocity, goal, own };
    const rank = (voice) => (voice.idle ? 0 : voice.next !== null ? 3 : voice.held ? 2 : 1);
    const [voice] = [...this.voices].sort((a, b) => rank(a) - rank(b) || a.turn - b.turn);
    voice.turn = this.order++;
    if (voice.idle) voice.start(note);
    else voice.next = note;
  }

  /** Whether these are parameters of this instrument, and not of one before or after it. */
  fits(values) {
    return values !== null && values.length === this.instrument.controls.length;
  }

  /** Let a note end. */
  noteOff(id) {
    for (const voice of this.voices) {
      if (voice.idle) continue;
      if (voice.held && voice.id === id) voice.release();
      if (voice.next?.id === id) voice.next.over = true; // before it was heard
    }
  }

  /** Let all notes end. */
  allOff() {
    for (const { id, next } of this.voices) {
      this.noteOff(id);
      if (next !== null) this.noteOff(next.id);
    }
  }

  /** Set the parameters, 0 to 127, of one note, or of all that have none of their own. */
  setParameters(values, id = null) {
    if (!this.fits(values)) return;
    const goal = inUnits(this.instrument.controls, values);
    if (id === null) this.goal = goal;
    for (const voice of this.voices) {
      if (voice.idle) continue;
      const one = voice.next ?? voice;
      if (id === null ? !one.own : one.id === id) {
        one.goal = goal;
        one.own = id !== null;
      }
    }
  }

  /** Add the next samples to the channels, which are empty. */
  process(channels) {
    const length = channels[0].length;
    for (let at = 0; at < length; at += BLOCK) {
      const n = Math.min(BLOCK, length - at);
      for (const voice of this.voices) if (!voice.idle) voice.add(channels, at, n);
    }
  }

  /** Whether nothing sounds. */
  get silent() {
    return this.voices.every((voice) => voice.idle);
  }
}

/** Keeps samples below a ceiling: one block late, and untouched while they are. */
export class Limiter {
  constructor(sampleRate, { ceiling = 0.95, release_s = 0.15 } = {}) {
    this.ceiling = ceiling;
    this.back = Math.exp(-BLOCK / (release_s * sampleRate));
    this.gain = 1;
    this.limit = 1;
    this.late = [];
  }

  /** Take the samples of `given` and put those of a block before into `channels`. */
  process(given, channels) {
    for (let at = 0; at < channels[0].length; at += BLOCK) {
      let peak = 0;
      for (const channel of given) {
        for (let i = at; i < at + BLOCK; i++) peak = Math.max(peak, Math.abs(channel[i]));
      }
      const limit = peak > this.ceiling ? this.ceiling / peak : 1;
      // From one end of the block to the other, below what it and both neighbours can bear.
      const easy = 1 - (1 - this.gain) * this.back;
      const goal = Math.min(this.limit, limit, easy);
      channels.forEach((channel, c) => {
        this.late[c] ??= new Float32Array(BLOCK);
        for (let i = 0; i < BLOCK; i++) {
          const gain = this.gain + ((goal - this.gain) * i) / BLOCK;
          channel[at + i] = this.late[c][i] * gain;
          this.late[c][i] = given.length > 0 ? given[Math.min(c, given.length - 1)][at + i] : 0;
        }
      });
      this.gain = goal > 1 - 1e-9 ? 1 : goal;
      this.limit = limit;
    }
  }
}
