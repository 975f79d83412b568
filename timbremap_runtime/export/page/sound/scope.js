// What is heard, to be seen: a wave that stands still, and how loud it is.

const SHOWN = 2048; // samples of the wave

/** Draw the wave into a canvas, in its CSS color, until close(). */
export function createScope(canvas, analyser) {
  const samples = new Float32Array(SHOWN * 2);
  return repeat(() => {
    if (canvas.clientWidth === 0) return;
    analyser.getFloatTimeDomainData(samples);
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 1.5 * scale;
    pen.beginPath();
    const start = crossing(samples);
    for (let i = 0; i < SHOWN; i++) {
      pen.lineTo((i / SHOWN) * width, (0.5 - 0.48 * samples[start + i]) * height);
    }
    pen.stroke();
  });
}

/** Where the wave goes upward through zero for the first time: it stands still from there. */
function crossing(samples) {
  for (let i = 1; i < SHOWN; i++) if (samples[i - 1] < 0 && samples[i] >= 0) return i;
  return 0;
}

/** Show the peak in dB below full scale on an element of role meter, from -60 to 0, until close(). */
export function createMeter(element, analyser) {
  const samples = new Float32Array(2048);
  element.setAttribute("role", "meter");
  element.setAttribute("aria-valuemin", -60);
  element.setAttribute("aria-valuemax", 0);
  let shown = -60;
  return repeat(() => {
    analyser.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    const level = Math.max(-60, Math.min(0, 20 * Math.log10(peak)));
    shown = Math.max(level, shown - 0.7);
    element.style.setProperty("--level", ((shown + 60) / 60).toFixed(3));
    element.setAttribute("aria-valuenow", Math.round(shown));
    element.setAttribute("aria-valuetext", shown > -60 ? `${Math.round(shown)} dB` : "silent");
  });
}

/** Do something each frame until close(). */
function repeat(draw) {
  let asked;
  const step = () => {
    draw();
    asked = requestAnimationFrame(step);
  };
  step();
  return { close: () => cancelAnimationFrame(asked) };
}
