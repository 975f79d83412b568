
// In Max's v8. A list of coordinates moves the point, "set INDEX VALUE" a parameter, "recall VALUES"
// all of them; "release" lets go. What tm-serve is sent works too: /tm/c, /tm/p/INDEX, /tm/p,
// /tm/release, /tm/subscribe. On the left leave the parameters, beside them the point where a hand
// on a parameter took it, on the right both as tm-serve sends them.
const performer = new Performer(map);

if (typeof outlet === "function") {
  inlets = 1;
  outlets = 3;
}

function play(withPoint) {
  if (withPoint) {
    outlet(2, ["/tm/c", ...performer.c]);
    outlet(1, performer.c);
  }
  outlet(2, ["/tm/p", ...performer.p]);
  outlet(0, performer.p);
}

function list(...c) {
  performer.move(c);
  play(false);
}

function msg_float(x) {
  list(x);
}

function msg_int(x) {
  list(x);
}

function set(index, value) {
  performer.set(index, value);
  play(true);
}

function recall(...p) {
  performer.recall(p);
  play(true);
}

function release() {
  performer.release();
  play(false);
}

function bang() {
  play(true);
}

function anything(...values) {
  const [, , what, index] = messagename.split("/");
  try {
    if (what === "c" && !index) list(...values);
    else if (what === "p" && index) set(Number(index), values[0]);
    else if (what === "p") recall(...values);
    else if (what === "release") release();
    else if (what === "subscribe") {
      outlet(2, ["/tm/loaded", map.name, map.controlSize, map.parameterSize, ...map.parameterNames]);
      bang();
    } else throw new RangeError(`${messagename}: not here; choose tm-serve`);
  } catch (error) {
    outlet(2, ["/tm/error", error.message]);
  }
}

if (typeof module !== "undefined") module.exports = { TimbreMap, Performer, map };
