// A gesture as a sound file: the same voices as in the AudioWorklet, as fast as they compute.

import { BLOCK, Limiter, Voices, bytesOf } from "./voices.js";

const BREATH_MS = 50; // how long the page stands still at most
const LONGEST_TAIL_S = 10;

/**
 * Render a gesture.
 *
 * @param instrument its description, as timbremap_runtime.export.wasm makes it
 * @param gesture points: [[seconds, values], ...], the parameters 0 to 127 from then on; notes:
 *   [{start, end, note, velocity}], in seconds; length in seconds, after which notes that still sound
 *   fade as they may. A note with values keeps parameters of its own; its moves change them
 * @returns the channels, as Float32Arrays
 */
export async function renderSamples(instrument, gesture, { sampleRate = 44100, count = 16 } = {}) {
  const module = await WebAssembly.compile(bytesOf(instrument.wasm));
  const values = gesture.points[0][1];
  const voices = new Voices(module, instrument, sampleRate, { count, values });
  const limiter = new Limiter(sampleRate);
  const events = [
    ...gesture.points.map(([at, given]) => [at, () => voices.setParameters(given)]),
    ...gesture.notes.flatMap(({ start, end, note, velocity, values: own = null, moves = [] }, id) => [
      [start, () => voices.noteOn(id, note, velocity, own)],
      ...moves.map(([at, given]) => [at, () => voices.setParameters(given, id)]),
      [Math.min(end ?? gesture.length, gesture.length), () => voices.noteOff(id)],
    ]),
  ].sort(([a], [b]) => a - b);

  const blocks = [];
  const n = Math.min(Math.max(instrument.outputs, 1), 2);
  const end = gesture.length * sampleRate;
  let next = 0;
  let breath = Date.now();
  for (let at = 0; at < end || !voices.silent; at += BLOCK) {
    if (at > end + LONGEST_TAIL_S * sampleRate) break;
    for (; next < events.length && events[next][0] * sampleRate <= at; next++) events[next][1]();
    const raw = Array.from({ length: n }, () => new Float32Array(BLOCK));
    voices.process(raw);
    const limited = raw.map(() => new Float32Array(BLOCK));
    limiter.process(raw, limited);
    blocks.push(limited);
    if (Date.now() - breath > BREATH_MS) {
      await new Promise((done) => setTimeout(done));
      breath = Date.now();
    }
  }
  blocks.shift(); // the limiter is a block late
  return Array.from({ length: n }, (_, c) => {
    const channel = new Float32Array(blocks.length * BLOCK);
    blocks.forEach((block, i) => channel.set(block[c], i * BLOCK));
    return channel;
  });
}

/** Render a gesture to a WAV of 16 bits: a Blob. */
export async function renderGesture(instrument, gesture, options = {}) {
  const channels = await renderSamples(instrument, gesture, options);
  return new Blob([wav(channels, options.sampleRate ?? 44100)], { type: "audio/wav" });
}

/** Bytes of a WAV file, 16 bits a sample. */
export function wav(channels, sampleRate) {
  const frame = 2 * channels.length;
  const size = frame * channels[0].length;
  const view = new DataView(new ArrayBuffer(44 + size));
  const text = (at, word) => [...word].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + size, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, channels.length, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, size, true);
  channels.forEach((samples, c) => {
    samples.forEach((sample, i) => {
      const clipped = Math.max(-1, Math.min(1, sample));
      view.setInt16(44 + frame * i + 2 * c, Math.round(clipped * 32767), true);
    });
  });
  return view.buffer;
}
