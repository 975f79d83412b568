// The parameters, each by its name and in its unit: move one, and the point follows.

const HIGHEST = 127;

/** What a value 0..127 is called: in the instrument's unit if that is another. */
export function worded(value, said) {
  if (!said) return value.toFixed(1);
  const { low, high, steps, unit } = said;
  const share = steps ? Math.round((value / HIGHEST) * (steps - 1)) / (steps - 1) : value / HIGHEST;
  const given = low + (high - low) * share;
  const whole = steps && Number.isInteger(low) && Number.isInteger((high - low) / (steps - 1));
  const digits = whole ? 0 : Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(high - low)))));
  return given.toFixed(digits) + (unit ? ` ${unit}` : "");
}

/** Let a slider do something; what it does until it is let go is undone at once. */
export function onSlide(input, playing, act) {
  let sliding = false;
  input.addEventListener("input", () => {
    if (!sliding) playing.begin();
    sliding = true;
    act(Number(input.value));
  });
  input.addEventListener("change", () => (sliding = false));
}

/** A row for each parameter. */
export class Knobs {
  constructor(element, playing) {
    this.element = element;
    this.playing = playing;
    this.rows = [];
    this.waiting = false;
    playing.onModel(() => this.build());
    playing.onChange(() => this.redraw());
  }

  build() {
    const { model } = this.playing;
    this.rows = model.parameters.map((name, index) => this.row(name, index));
    this.element.replaceChildren(...this.rows.map((row) => row.element));
    this.redraw();
  }

  row(name, index) {
    const { playing } = this;
    const element = document.createElement("div");
    element.className = "knob";
    const id = `parameter-${index}`;
    element.innerHTML = `
      <label for="${id}"></label>
      <input id="${id}" type="range" min="0" max="${HIGHEST}" step="any">
      <output for="${id}"></output>
      <button type="button" aria-pressed="false"><span aria-hidden="true">◇</span></button>`;
    const [label, input, output, lock] = element.children;
    label.textContent = name;
    lock.setAttribute("aria-label", `Lock ${name}`);
    lock.title = "Lock: the parameter stays where it is while the point moves";
    onSlide(input, playing, (value) => playing.set(index, value));
    lock.addEventListener("click", () => {
      playing.begin();
      playing.activate(playing.active.map((on, i) => (i === index ? !on : on)));
    });
    return { element, input, output, lock };
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.waiting = false;
    const { p, mapped, active, model } = this.playing;
    this.rows.forEach(({ element, input, output, lock }, i) => {
      const text = worded(p[i], model.playing?.parameters[i]);
      input.value = p[i];
      input.setAttribute("aria-valuetext", text);
      input.style.setProperty("--share", p[i] / HIGHEST);
      input.style.setProperty("--mapped", mapped[i] / HIGHEST);
      output.textContent = text;
      lock.setAttribute("aria-pressed", String(!active[i]));
      lock.firstChild.textContent = active[i] ? "◇" : "◆";
      element.classList.toggle("held", active[i] && Math.abs(p[i] - mapped[i]) > 0.05);
      element.classList.toggle("locked", !active[i]);
    });
  }
}
