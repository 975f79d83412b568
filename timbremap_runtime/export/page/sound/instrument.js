// An instrument in an audio context: notes and parameters in, sound out.

import { openVoices, prepare } from "./processors.js";
import { bytesOf } from "./voices.js";

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
  const start = values ?? instrument.controls.map(() => 63.5);
  const options = { module, instrument: description, count, values: [...start] };
  const { node: source, tell } = openVoices(context, options);
  const node = new GainNode(context);
  source.connect(node);
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
