// The sounds of the data set as dots behind the pad.
import { colour } from "./colours.js";

const N_COLOURS = 32;
const REACH = 24; // CSS pixels within which a dot is touched

/** Draws dots, and finds the one that is touched. */
export class Dots {
  constructor(canvas) {
    this.canvas = canvas;
    this.data = null;
    this.column = 0;
    this.scale = 1;
  }

  show(data) {
    this.data = data;
    this.draw();
  }

  /** Colour by a parameter, or by how fast the sound changes where `parameter` is null. */
  colourBy(parameter) {
    this.parameter = parameter;
    this.draw();
  }

  resize(width, height, scale) {
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.scale = scale;
    this.draw();
  }

  draw() {
    const { canvas, data, scale } = this;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!data || !data.count || !canvas.width) return;
    const radius = Math.min(Math.max(110 / Math.sqrt(data.count), 1.6), 4) * scale;
    const ground = getComputedStyle(canvas).colorScheme === "dark" ? "dark" : "light";
    const sprites = Array.from({ length: N_COLOURS }, (_, i) => sprite(i, radius, ground));
    const shares = this.shares();
    const size = sprites[0].width;
    for (let i = 0, at = 0; i < data.count; i++, at += data.stride) {
      const left = data.values[at] * canvas.width - size / 2;
      const top = (1 - this.height(at)) * canvas.height - size / 2;
      context.drawImage(sprites[Math.min(Math.floor(shares[i] * N_COLOURS), N_COLOURS - 1)], left, top);
    }
  }

  /** How high a dot lies; those of a single coordinate lie in a row. */
  height(at) {
    return this.data.controlSize > 1 ? this.data.values[at + 1] : 0.5;
  }

  /** Where each dot is in the row of colours, 0 to 1. */
  shares() {
    const { values, count, stride, controlSize, parameterSize } = this.data;
    const bySpeed = this.parameter == null;
    const column = controlSize + (bySpeed ? parameterSize : this.parameter);
    const chosen = Float32Array.from({ length: count }, (_, i) => values[i * stride + column]);
    if (!bySpeed) return chosen.map((p) => p / 127);
    // Few are very fast: by their ranks all colours are used.
    const order = Array.from(chosen.keys()).sort((a, b) => chosen[a] - chosen[b]);
    order.forEach((dot, rank) => (chosen[dot] = rank / count));
    return chosen;
  }

  /** The dot nearest to a place of the pad (0 to 1 from the left and bottom); -1 if none is near. */
  nearest(x, y, z) {
    if (!this.data) return -1;
    const { values, count, stride, controlSize } = this.data;
    const width = this.canvas.width / this.scale;
    const height = this.canvas.height / this.scale;
    let best = -1;
    let least = REACH * REACH;
    for (let i = 0, at = 0; i < count; i++, at += stride) {
      const dx = (values[at] - x) * width;
      const dy = (this.height(at) - y) * height;
      // Of dots that lie over each other, the one that is pressed as hard.
      const dz = controlSize > 2 ? (values[at + 2] - z) * 4 : 0;
      const distance = dx * dx + dy * dy + dz * dz;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  point(dot) {
    const { values, stride, controlSize } = this.data;
    return Array.from(values.subarray(dot * stride, dot * stride + controlSize));
  }

  parameters(dot) {
    const { values, stride, controlSize, parameterSize } = this.data;
    const first = dot * stride + controlSize;
    return Array.from(values.subarray(first, first + parameterSize));
  }
}

function sprite(index, radius, ground) {
  const size = Math.ceil(2 * radius) + 2;
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d");
  context.fillStyle = colour((index + 0.5) / N_COLOURS, ground);
  context.globalAlpha = 0.8;
  context.beginPath();
  context.arc(size / 2, size / 2, radius, 0, 2 * Math.PI);
  context.fill();
  return canvas;
}
