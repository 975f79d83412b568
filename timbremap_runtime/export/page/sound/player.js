// What a page plays with: one instrument at a time, its volume, a limiter, and what a scope looks at.

import { createInstrument } from "./instrument.js";
import { openLimiter, prepare } from "./processors.js";

const CROSSFADE_S = 0.06;
const LOOK = 32768; // samples that the analyser keeps

/** Sounds are learned at this rate; at another one an instrument may sound a little different. */
export const SAMPLE_RATE = 44100;

/**
 * Make a player.
 *
 * @param context an AudioContext; by default a new one, which the first touch wakes
 * @param worklet where the processors are, if not beside this file
 */
export async function createPlayer({ context, worklet, count = 8 } = {}) {
  context ??= wakened(new AudioContext({ latencyHint: "interactive", sampleRate: SAMPLE_RATE }));
  await prepare(context, worklet);
  const volume = new GainNode(context, { gain: 0.8 });
  const limiter = openLimiter(context);
  const analyser = new AnalyserNode(context, { fftSize: LOOK, smoothingTimeConstant: 0.5 });
  volume.connect(limiter).connect(analyser).connect(context.destination);

  let instrument = null;
  let newest = 0;
  const held = new Map(); // id: [note, velocity, values]

  return {
    context,
    analyser,

    /** Volume, 0 to 1. */
    setVolume(level) {
      volume.gain.setTargetAtTime(level * level, context.currentTime, 0.01);
    },

    /** Change to another instrument, or to none; notes that are held go on in it. */
    async load(description, given) {
      const turn = ++newest;
      const next =
        description && (await createInstrument(description, context, { values: given, count, worklet }));
      if (turn !== newest) return next?.close(); // another was asked for meanwhile
      const before = instrument;
      instrument = next;
      if (next) {
        next.node.gain.value = before ? 0 : 1;
        next.connect(volume);
        for (const [id, [note, velocity]] of held) next.noteOn(note, velocity, id);
        if (before) next.fade(1, CROSSFADE_S);
      }
      if (before) {
        before.fade(0, CROSSFADE_S);
        setTimeout(() => before.close(), 2000 * CROSSFADE_S);
      }
    },

    /** Begin a note; with values it keeps parameters of its own. */
    noteOn(note, velocity = 100, id = note, own = null) {
      held.set(id, [note, velocity]);
      instrument?.noteOn(note, velocity, id, own);
    },

    noteOff(id) {
      held.delete(id);
      instrument?.noteOff(id);
    },

    allOff() {
      held.clear();
      instrument?.allOff();
    },

    /** Set the parameters, 0 to 127, of one note, or of all that have none of their own. */
    setParameters(given, id = null) {
      instrument?.setParameters(given, id);
    },

    /** Whether a note is held. */
    get holding() {
      return held.size > 0;
    },

    close: () => context.close(),
  };
}

/** Browsers let a page sound from a click, a key, or a finger that is lifted again. */
function wakened(context) {
  const wake = () => context.state === "suspended" && context.resume();
  for (const name of ["pointerdown", "pointerup", "keydown"]) addEventListener(name, wake, true);
  return context;
}
