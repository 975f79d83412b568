// Where voices and limiter compute: in an AudioWorklet, or where a browser gives none (a page over plain
// http, from another machine) in the page's own thread, with more delay.

import { Limiter, Voices } from "./voices.js";

const BUFFER = 512; // samples that the page's own thread computes at a time

const ready = new WeakMap(); // contexts whose worklet is loaded

/** Load the processors into a context, once. */
export function prepare(context, worklet = new URL("./worklet.js", import.meta.url)) {
  if (!context.audioWorklet) return Promise.resolve();
  if (!ready.has(context)) ready.set(context, context.audioWorklet.addModule(worklet));
  return ready.get(context);
}

/** Open voices: their node, and tell(method, ...arguments) of Voices. */
export function openVoices(context, { module, instrument, ...options }) {
  const channels = Math.min(instrument.outputs, 2);
  if (context.audioWorklet) {
    const node = new AudioWorkletNode(context, "timbremap-voices", {
      numberOfInputs: 0,
      outputChannelCount: [channels],
      processorOptions: { module, instrument, ...options },
    });
    return { node, tell: (...message) => node.port.postMessage(message) };
  }
  const voices = new Voices(module, instrument, context.sampleRate, options);
  const node = inThisThread(context, 0, channels, (_, outputs) => voices.process(outputs));
  return { node, tell: (method, ...given) => voices[method]?.(...given) };
}

/** Open a limiter of two channels. */
export function openLimiter(context) {
  if (context.audioWorklet) {
    return new AudioWorkletNode(context, "timbremap-limiter", { outputChannelCount: [2] });
  }
  const limiter = new Limiter(context.sampleRate);
  return inThisThread(context, 2, 2, (inputs, outputs) => limiter.process(inputs, outputs));
}

function inThisThread(context, inputs, outputs, process) {
  const node = context.createScriptProcessor(BUFFER, inputs, outputs);
  const channels = (buffer) =>
    Array.from({ length: buffer.numberOfChannels }, (_, i) => buffer.getChannelData(i));
  node.onaudioprocess = ({ inputBuffer, outputBuffer }) => {
    const empty = channels(outputBuffer);
    for (const channel of empty) channel.fill(0);
    process(inputs ? channels(inputBuffer) : [], empty);
  };
  return node;
}
