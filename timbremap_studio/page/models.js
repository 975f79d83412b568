// The models that the server has, and one of them whole.
import { TimbreMap } from "/engine.js";

const path = (name) => `/models/${encodeURIComponent(name)}`;

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${url}: ${answer.status}`);
  return answer;
}

/** All models: name, coordinates, parameters, instrument, report. */
export async function listModels() {
  return (await fetched("/models.json")).json();
}

/**
 * A model, ready to be played: `map` is a TimbreMap, `playing` how the instrument is. Its scale is
 * its own if none is asked for.
 */
export async function loadModel(name, scale) {
  const said = await (await fetched(`${path(name)}/model.json${scaled(scale)}`)).json();
  return { ...said, map: new TimbreMap(said.map) };
}

const scaled = (scale) => (scale ? `?scale=${encodeURIComponent(scale)}` : "");

/**
 * The dots of a model: `values` has for each dot its point, its parameters, and how fast the sound
 * changes there; `stride` numbers a dot.
 */
export async function loadDots(model) {
  const answer = await fetched(`${path(model.name)}/dots${scaled(model.map.scale)}`);
  const { controlSize, parameterSize } = model.map;
  return {
    values: new Float32Array(await answer.arrayBuffer()),
    count: Number(answer.headers.get("X-Dots")),
    stride: controlSize + parameterSize + 1,
    controlSize,
    parameterSize,
    recordings: answer.headers.get("X-Recordings") === "1",
    speed: answer.headers.get("X-Speed"),
  };
}

const NAMES = ["x", "y", "pressure"];

/** What the coordinates of a map are called. */
export const coordinateNames = (map) =>
  Array.from({ length: map.controlSize }, (_, i) => NAMES[i] ?? `coordinate ${i + 1}`);

export const soundUrl = (model, dot) => `${path(model.name)}/sounds/${dot}.wav`;
export const reportUrl = (model) => `${path(model.name)}/report`;
