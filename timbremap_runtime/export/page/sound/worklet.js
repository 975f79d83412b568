// The two processors of the page's sound: voices, and the limiter behind them.

import { Limiter, Voices } from "./voices.js";

/** Plays what its port is told: the name of a method of Voices, and its arguments. */
class VoicesProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: { module, instrument, ...options } }) {
    super();
    this.voices = new Voices(module, instrument, sampleRate, options);
    this.port.onmessage = ({ data: [method, ...given] }) => {
      if (method === "close") this.closed = true;
      else this.voices[method](...given);
    };
  }

  process(inputs, [channels]) {
    this.voices.process(channels);
    return !this.closed;
  }
}

class LimiterProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.limiter = new Limiter(sampleRate);
  }

  process([given], [channels]) {
    this.limiter.process(given, channels);
    return true;
  }
}

registerProcessor("timbremap-voices", VoicesProcessor);
registerProcessor("timbremap-limiter", LimiterProcessor);
