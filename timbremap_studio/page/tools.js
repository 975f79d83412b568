// What the pad does under the hand: play, listen to the sounds behind it, draw a way to be played.
import { button } from "./elements.js";
import { soundUrl } from "./models.js";
import { worded } from "./knobs.js";

/** The first pointer moves the point; further fingers are voices of their own. */
function playTool({ pad, playing, sounding }) {
  return {
    name: "Play",
    help: "Drag on the pad, with several fingers if you like; the wheel, Page Up and Page Down press harder.",
    down(id, c, lead) {
      if (lead) {
        playing.begin();
        playing.move(c);
      }
      sounding.press(id, lead, c);
    },
    move(id, c, lead) {
      if (lead) playing.move(c);
      else pad.redraw();
      sounding.bend(id, lead, c);
    },
    up(id) {
      sounding.lift(id);
    },
    enter() {
      sounding.toggle();
    },
  };
}

/** A touched dot is heard: its recording, or else the instrument with its parameters. */
function listenTool({ pad, playing, dots, sounding, heard }) {
  const audio = new Audio();
  let last = -1;
  const touch = (c) => {
    const dot = dots.nearest(c[0], c.length > 1 ? c[1] : 0.5, playing.c[2] ?? 0.5);
    if (dot < 0 || dot === last) return;
    last = dot;
    const { model } = playing;
    const p = dots.parameters(dot);
    const said = p.map((x, i) => `${model.parameters[i]} ${worded(x, model.playing?.parameters[i])}`);
    const go = button("Play from here", () => {
      playing.begin();
      playing.place(dots.point(dot), p);
    });
    heard.replaceChildren(`Sound ${dot}: ${said.join(", ")} `, go);
    pad.touched = dots.point(dot);
    pad.redraw();
    if (dots.data.recordings) {
      audio.src = soundUrl(model, dot);
      audio.play().catch(() => {}); // another dot was touched meanwhile
    } else sounding.audition(p);
  };
  return {
    name: "Listen",
    help: "Touch a dot to hear that sound; with the keyboard, Enter hears the one nearest to the point.",
    down(id, c, lead) {
      last = -1;
      if (lead) touch(c);
    },
    move(id, c, lead) {
      if (lead) touch(c);
    },
    up() {},
    enter(c) {
      last = -1;
      touch(c);
    },
    leave() {
      heard.replaceChildren();
      pad.touched = null;
    },
  };
}

/** What is drawn is a gesture: it lasts as long as the hand took, and is played at once. */
function drawTool({ pad, playing, gestures }) {
  let rows = [];
  let began = 0;
  const take = (c) => rows.push({ t: (performance.now() - began) / 1000, c, p: playing.model.map.forward(c) });
  return {
    name: "Draw",
    help: "Draw a way on the pad: it is played in the time that you took, or as long as you choose.",
    rows: () => rows.map((row) => row.c),
    down(id, c, lead) {
      if (!lead) return;
      gestures.halt();
      rows = [];
      began = performance.now();
      take(c);
    },
    move(id, c, lead) {
      if (!lead) return;
      take(c);
      pad.redraw();
    },
    up(id, lead) {
      if (!lead) return;
      if (rows.length > 1) {
        gestures.keep({ rows, notes: [], length: Math.max(rows.at(-1).t, 0.1), free: true });
        gestures.play();
      }
      rows = [];
    },
  };
}

/** Buttons that choose what the pad does. */
export function startTools(parent, help, parts) {
  const tools = [playTool(parts), listenTool(parts), drawTool(parts)];
  const { pad, gestures } = parts;
  const choose = (tool) => {
    pad.tool?.leave?.();
    pad.tool = tool;
    help.textContent = tool.help;
    buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(tools[i] === tool)));
    pad.redraw();
  };
  const buttons = tools.map((tool) => button(tool.name, () => choose(tool)));
  parent.append(...buttons);
  choose(tools[0]);
  pad.way = () => {
    const drawn = pad.tool.rows?.() ?? [];
    return drawn.length ? drawn : (gestures.gesture?.rows ?? []).map((row) => row.c);
  };
  gestures.onKept = () => pad.redraw();
}
