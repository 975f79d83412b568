// Plays a Max patch without Max: messages go from box to box as its manual says, and v8 objects are run
// by Node's V8. Only the objects that the patches use are here, and no signals.
//
//     node player.mjs PATCH STEPS.json
//
// STEPS has [[id, inlet, message], ...], where a message is a list; each is given to a box, and then
// printed as JSON: what was sent by udpsend, what each `s` sent last, and what each box shows.

import { readFileSync } from "fs";
import { dirname, join } from "path";
import vm from "vm";

const [file, steps] = process.argv.slice(2);
const { boxes, lines } = JSON.parse(readFileSync(file)).patcher;
const byId = new Map(boxes.map(({ box }) => [box.id, { ...box, values: [] }]));
const packets = [];
const sends = {};
const shown = {};

const atom = (word) => (word !== "" && !Number.isNaN(Number(word)) ? Number(word) : word);
const isNumber = (x) => typeof x === "number";

// Right before left, and below before above.
function put(box, outlet, message) {
  lines
    .map(({ patchline }) => patchline)
    .filter(({ source }) => source[0] === box.id && source[1] === outlet)
    .map(({ destination: [id, inlet] }) => ({ to: byId.get(id), inlet }))
    .sort((a, b) => {
      const [[ax, ay], [bx, by]] = [a.to.patching_rect, b.to.patching_rect];
      return bx - ax || by - ay;
    })
    .forEach(({ to, inlet }) => give(to, inlet, message));
}

const start = {
  pack: (box, args) => (box.values = [...args]),
  float: (box, args) => (box.values = [args[0] ?? 0]),
  gate: (box, args) => (box.values = [args[1] ?? 0]),
  message: (box) => (box.values = (box.text ?? "").split(" ").filter(Boolean).map(atom)),
  v8: (box, args) => {
    box.context = vm.createContext({ outlet: (i, ...what) => put(box, i, what.flat()) });
    vm.runInContext(readFileSync(join(dirname(file), args[0]), "utf-8"), box.context);
  },
};

const arithmetic = {
  "+": (a, b) => a + b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "==": (a, b) => Number(a === b),
};

function control(box, inlet, message) {
  const silent = message[0] === "set";
  box.values[inlet] = message[silent ? 1 : 0];
  shown[box.id] = box.values;
  if (!silent) for (let i = box.numoutlets; i-- > 0; ) put(box, i, [box.values[i] ?? 0]);
}

const does = {
  slider: control,
  pictslider: control,
  flonum: (box, inlet, message) => {
    const silent = message[0] === "set";
    shown[box.id] = [message[silent ? 1 : 0]];
    if (!silent) put(box, 0, message);
  },
  umenu: (box, inlet, [index]) => {
    put(box, 1, box.items.join(" ").split(" , ")[index].split(" "));
    put(box, 0, [index]);
  },
  button: (box) => put(box, 0, ["bang"]),
  message: (box, inlet, message) => {
    const words = message[0] === "set" ? message.slice(1) : message;
    if (inlet === 1 || message[0] === "set") box.values = words;
    else put(box, 0, box.values);
    shown[box.id] = box.values;
  },
  t: (box, inlet, message, args) => {
    for (let i = args.length; i-- > 0; ) {
      if (args[i] === "i") put(box, i, [Math.trunc(message[0])]);
      else put(box, i, args[i] === "b" ? ["bang"] : message);
    }
  },
  pack: (box, inlet, message) => {
    if (message[0] !== "bang") message.forEach((x, i) => (box.values[inlet + i] = x));
    if (inlet === 0) put(box, 0, [...box.values]);
  },
  unpack: (box, inlet, message) => {
    for (let i = message.length; i-- > 0; ) put(box, i, [message[i]]);
  },
  float: (box, inlet, message) => {
    if (message[0] !== "bang") box.values = [message[0]];
    if (inlet === 0) put(box, 0, [...box.values]);
  },
  prepend: (box, inlet, message, args) =>
    put(box, 0, [...args, ...(message[0] === "bang" ? [] : message)]),
  route: (box, inlet, message, args) => {
    const i = args.indexOf(message[0]);
    if (i < 0) put(box, args.length, message);
    else put(box, i, message.length > 1 ? message.slice(1) : ["bang"]);
  },
  gate: (box, inlet, message) => {
    if (inlet === 0) box.values = [message[0]];
    else if (box.values[0] > 0) put(box, box.values[0] - 1, message);
  },
  s: (box, inlet, message, [name]) => (sends[name] = message[0]),
  udpsend: (box, inlet, message) => packets.push(message),
  udpreceive: (box, inlet, message) => put(box, 0, message),
  v8: (box, inlet, message) => {
    const [first, ...rest] = message;
    const call = (name, values) => box.context[name](...values);
    if (isNumber(first)) return call(message.length > 1 ? "list" : "msg_float", message);
    box.context.messagename = first;
    return typeof box.context[first] === "function" ? call(first, rest) : call("anything", rest);
  },
  "sig~": () => {},
};

function give(box, inlet, message) {
  const words = (box.maxclass === "newobj" ? box.text : box.maxclass).split(" ");
  const [name, ...args] = [words[0], ...words.slice(1).map(atom)];
  if (arithmetic[name]) return put(box, 0, [arithmetic[name](message[0], args[0])]);
  return does[name](box, inlet, message, args);
}

for (const box of byId.values()) {
  const [name, ...args] = (box.maxclass === "newobj" ? box.text : box.maxclass).split(" ");
  start[name]?.(box, args.map(atom));
}
const found = JSON.parse(readFileSync(steps)).map(([id, inlet, message]) => {
  packets.length = 0;
  give(byId.get(id), inlet, message);
  return structuredClone({ packets, sends, shown });
});
console.log(JSON.stringify(found));
