// The coordinates of the point as sliders: pressure for a mouse, all of them for a keyboard.
import { element } from "./elements.js";
import { onSlide } from "./knobs.js";
import { coordinateNames } from "./models.js";

export class Coordinates {
  constructor(parent, playing) {
    this.parent = parent;
    this.playing = playing;
    this.inputs = [];
    this.waiting = false;
    playing.onModel(() => this.build());
    playing.onChange(() => this.redraw());
  }

  build() {
    const { playing } = this;
    this.inputs = coordinateNames(playing.model.map).map((name, index) => {
      const input = element("input", { type: "range", min: "0", max: "1", step: "any", id: `c-${index}` });
      onSlide(input, playing, (value) => playing.move(playing.c.map((x, i) => (i === index ? value : x))));
      return input;
    });
    const names = coordinateNames(playing.model.map);
    this.parent.replaceChildren(
      ...this.inputs.map((input, i) =>
        element("div", {}, element("label", { htmlFor: input.id, textContent: names[i] }), input)
      )
    );
    this.redraw();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.inputs.forEach((input, i) => {
        input.value = this.playing.c[i];
        input.setAttribute("aria-valuetext", this.playing.c[i].toFixed(2));
      });
    });
  }
}
