// An instrument in an audio context: notes and parameters in, sound out.

import { bytesOf } from "./voices.js";

const ready = new WeakMap(); // contexts whose processors are loaded

/** Load the processors into a context, once. */
export function prepare(context, worklet = new URL("./worklet.js", import.meta.url)) {
  if (!ready.has(context)) ready.set(context, context.audioWorklet.addModule(worklet));
  return ready.get(context);
}

/**
 * Make an instrument.
 *
 * @param instrument its description, as timbremap_runtime.export.wasm makes it
 * @param context an AudioContext
 * @param values the parameters, 0 to 127, until others are set
 * @returns noteOn(note, velocity, id, values), noteOff(id), setParameters(values, id), allOff(),
 *   connect(node), fade(level, seconds) and close(); note and velocity are MIDI's
 */
export async function createInstrument(instrument, context, { values, count = 8, worklet } = {}) {
  const module = await WebAssembly.compile(bytesOf(instrument.wasm));
  await prepare(context, worklet);
  const { wasm, ...description } = instrument;
  const outputs = Math.min(instrument.outputs, 2);
  const start = values ?? instrument.controls.map(() => 63.5);
  const source = new AudioWorkletNode(context, "timbremap-voices", {
    numberOfInputs: 0,
    outputChannelCount: [outputs],
    processorOptions: { module, instrument: description, count, values: [...start] },
  });
  const node = new GainNode(context);
  source.connect(node);
  const tell = (...message) => source.port.postMessage(message);
  return {
    node,
    noteOn: (note, velocity, id = note, own = null) =>
      tell("noteOn", id, note, velocity, own && [...own]),
    noteOff: (id) => tell("noteOff", id),
    allOff: () => tell("allOff"),
    setParameters: (given, id = null) => tell("setParameters", [...given], id),
    connect: (target) => node.connect(target),
    fade(level, seconds) {
      const { gain } = node;
      gain.cancelScheduledValues(context.currentTime);
      gain.setValueAtTime(gain.value, context.currentTime);
      gain.linearRampToValueAtTime(level, context.currentTime + seconds);
    },
    close() {
      tell("close");
      source.disconnect();
      node.disconnect();
    },
  };
}
