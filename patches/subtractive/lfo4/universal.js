// universal: 3 coordinates to 4 parameters, normal scale; model of 2026-11-23, map ce2e6edaf227, by tm-export 0.1.0
//
// 1. Max 9: keep this file beside your patch, and put an object  v8 universal.js  into the patch.
// 2. Node: const { map, Performer } = require("./universal.js");
// 3. map.forward([0.5, 0.5, 0.5]) gives parameters, map.inverse(p) a point. Max's messages: at the end.
//
// Parameters: rate, duty, shape, depth.

// A TimbreMap in JavaScript: forward, inverse, and what a performance holds. No dependencies.

// Highest power first: M. J. Wichura (1988), Algorithm AS 241, and W. J. Cody (1993), Algorithm 715.
const POLYNOMIALS = {"centre_top": [2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665], "centre_bottom": [5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579, 42.31333070160091, 1.0], "near_top": [0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835], "near_bottom": [1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0], "far_top": [2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103], "far_bottom": [2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133, 0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0], "body_top": [0.06568233791820745, 2.2352520354606837, 161.02823106855587, 1067.6894854603709, 18154.98125334356], "body_bottom": [1.0, 47.202581904688245, 976.0985517377767, 10260.932208618979, 45507.78933502673], "shoulder_top": [1.0765576773720192e-08, 0.39894151208813466, 8.883149794388377, 93.50665613217785, 597.2702763948002, 2494.5375852903726, 6848.190450536283, 11602.65143764735, 9842.714838383978], "shoulder_bottom": [1.0, 22.266688044328117, 235.387901782625, 1519.3775994075547, 6485.558298266761, 18615.571640885097, 34900.95272114598, 38912.00328609327, 19685.429676859992], "tail_top": [0.023073441764940174, 0.215898534057957, 0.12740116116024736, 0.022235277870649807, 0.0014216191932278934, 2.9112874951168793e-05], "tail_bottom": [1.0, 1.284260096144911, 0.4682382124808651, 0.06598813786892856, 0.0037823963320275824, 7.297515550839662e-05], "body_limit": 0.67448975, "shoulder_limit": 5.656854249492381, "one_over_sqrt_2pi": 0.3989422804014327};

function horner(coefficients, x) {
  let total = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) total = total * x + coefficients[i];
  return total;
}

function ratio(name, x) {
  return horner(POLYNOMIALS[name + "_top"], x) / horner(POLYNOMIALS[name + "_bottom"], x);
}

/** The standard normal quantile. */
function quantile(c) {
  const q = c - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio("centre", 0.180625 - q * q);
  const r = Math.sqrt(-Math.log(q < 0 ? c : 1 - c));
  const x = r <= 5 ? ratio("near", r - 1.6) : ratio("far", r - 5);
  return q < 0 ? -x : x;
}

/** The standard normal distribution function. */
function cdf(x) {
  const y = Math.abs(x);
  if (y <= POLYNOMIALS.body_limit) return 0.5 + x * ratio("body", x * x);
  let tail;
  if (y <= POLYNOMIALS.shoulder_limit) {
    tail = Math.exp(-0.5 * y * y) * ratio("shoulder", y);
  } else {
    const z = Math.min(y, 40);
    const coarse = Math.trunc(z * 16) / 16;
    const bell = Math.exp(-0.5 * coarse * coarse) * Math.exp(-0.5 * (z - coarse) * (z + coarse));
    const s = 1 / (z * z);
    tail = (bell * (POLYNOMIALS.one_over_sqrt_2pi - s * ratio("tail", s))) / z;
  }
  return x > 0 ? 1 - tail : x <= 0 ? tail : NaN;
}

function multiply(x, matrix, offset) {
  return offset.map((shift, j) => {
    let total = 0;
    for (let i = 0; i < x.length; i++) total += x[i] * matrix[i][j];
    return total + shift;
  });
}

/** Where a row of increasing knots, over evenly spaced places from -1 to 1, comes to c. */
function place(knots, c) {
  const k = knots.length - 1;
  if (c <= knots[0]) return -1;
  if (c >= knots[k]) return 1;
  let low = 0;
  for (let high = k; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (knots[middle] <= c) low = middle;
    else high = middle;
  }
  return ((low + (c - knots[low]) / (knots[low + 1] - knots[low])) * 2) / k - 1;
}

/** The value of such a row at a place. */
function value(knots, at) {
  const k = knots.length - 1;
  if (at <= -1) return knots[0];
  if (at >= 1) return knots[k];
  const x = (at + 1) * 0.5 * k;
  const low = Math.min(Math.floor(x), k - 1);
  return Number.isNaN(x) ? NaN : knots[low] + (x - low) * (knots[low + 1] - knots[low]);
}

const clip = (low, high) => (x) => (x < low ? low : x > high ? high : x);

/** What each kind of step does to the numbers, and how it is undone. */
const STEPS = {
  clip: {
    forward: (s, x) => x.map(clip(s.low, s.high)),
    inverse: (s, y) => (s.both_ways ? y.map(clip(s.low, s.high)) : y),
  },
  quantile: {
    forward: (s, x) => x.map(quantile),
    inverse: (s, y) => y.map(cdf),
  },
  warp: {
    forward: (s, x) => x.map((c, i) => place(s.knots[i], c) * s.reach),
    inverse: (s, y) => y.map((u, i) => value(s.knots[i], u / s.reach)),
  },
  affine: {
    forward: (s, x) => multiply(x, s.matrix, s.offset),
    inverse: (s, y) => multiply(y, s.inverse_matrix, s.inverse_offset),
  },
  bounded: {
    forward: (s, x) =>
      x.map((t) =>
        t < 0
          ? s.low + (s.high - s.low) / (1 + Math.exp(-t))
          : s.high - (s.high - s.low) / (1 + Math.exp(t))
      ),
    inverse: (s, y, seen) =>
      y.map((value) => {
        if (value < s.first || value > s.last) seen.end = true;
        const inside = value < s.first ? s.low_end : value > s.last ? s.high_end : value;
        return Math.log((inside - s.low) / (s.high - inside));
      }),
  },
  leaky: {
    forward: (s, x) => x.map((v) => (v < 0 ? v * s.slope : v)),
    inverse: (s, y) => y.map((v) => (v < 0 ? v / s.slope : v)),
  },
};

const does = (steps, x) => steps.reduce((v, s) => STEPS[s.kind].forward(s, v), x);
const undoes = (steps, y, seen) => steps.reduceRight((v, s) => STEPS[s.kind].inverse(s, v, seen), y);

/** The map: forward(c) gives the parameters at a point, inverse(p) the point nearest to them. */
class TimbreMap {
  constructor(data) {
    Object.assign(this, data);
    this.controlSize = data.coordinates.size;
    this.parameterSize = data.parameters.size;
    this.parameterNames = data.parameters.names;
    const affine = this.steps.map((s) => s.kind).lastIndexOf("affine");
    this.earlier = this.steps.slice(0, affine);
    this.last = this.steps[affine];
    this.after = this.steps.slice(affine + 1);
  }

  /** Parameters at a point: numbers from 0 to 1 to numbers from 0 to 127. */
  forward(c) {
    return does(this.steps, does(this.front, check(c, this.controlSize, "forward")));
  }

  /** The point whose parameters are nearest. */
  inverse(p) {
    const seen = { end: false };
    let u = undoes(this.steps, check(p, this.parameterSize, "inverse"), seen);
    if (seen.end) u = this.walk(this.region.centre, u);
    return undoes(this.front, u, seen);
  }

  /** Go straight from a start to a goal, but no farther than the border of the training data. */
  walk(start, goal) {
    const { centre, deviations, radius } = this.region;
    const a = start.map((x, i) => (x - centre[i]) * deviations[i]);
    const b = goal.map((x, i) => (x - start[i]) * deviations[i]);
    const dot = (x, y) => x.reduce((total, value, i) => total + value * y[i], 0);
    const bb = dot(b, b);
    const ab = dot(a, b);
    const room = Math.max(radius * radius - dot(a, a), 0);
    const share = (Math.sqrt(ab * ab + bb * room) - ab) / bb;
    return share < 1 ? goal.map((x, i) => start[i] + (x - start[i]) * share) : goal;
  }
}

/** What undoes y = x matrix from the chosen columns of it; rows of zeros for the others. */
function solveFrom(matrix, chosen) {
  const dot = (a, b) => a.reduce((total, x, j) => total + (chosen[j] ? x * b[j] : 0), 0);
  const { values, vectors } = eigen(matrix.map((row) => matrix.map((other) => dot(row, other))));
  const smallest = 1e-12 * Math.max(...values);
  const shares = values.map((value) => (value > smallest ? 1 / value : 0));
  return chosen.map((on, j) =>
    matrix.map((_, i) =>
      shares.reduce((total, share, k) => {
        if (!on || share === 0) return total;
        const along = matrix.reduce((sum, row, l) => sum + row[j] * vectors[l][k], 0);
        return total + along * share * vectors[i][k];
      }, 0)
    )
  );
}

/** Eigenvalues and eigenvectors (columns) of a small symmetric matrix, by Jacobi's rotations. */
function eigen(matrix) {
  const a = matrix.map((row) => [...row]);
  const vectors = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
  const rotate = (m, i, j, p, q, cos, sin) => {
    const [x, y] = [m[i][p], m[j][q]];
    m[i][p] = cos * x - sin * y;
    m[j][q] = sin * x + cos * y;
  };
  for (let sweep = 0; sweep < 60; sweep++) {
    for (let p = 0; p < a.length; p++) {
      for (let q = p + 1; q < a.length; q++) {
        if (a[p][q] === 0) continue;
        const angle = 0.5 * Math.atan2(2 * a[p][q], a[q][q] - a[p][p]);
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < a.length; k++) rotate(a, k, k, p, q, cos, sin);
        for (let k = 0; k < a.length; k++) rotate(a, p, q, k, k, cos, sin);
        for (let k = 0; k < a.length; k++) rotate(vectors, k, k, p, q, cos, sin);
      }
    }
  }
  return { values: a.map((row, i) => row[i]), vectors };
}

function check(values, size, name) {
  const numbers = Array.from(values, Number);
  if (numbers.length !== size) {
    throw new RangeError(`${name}: ${numbers.length} values given; pass ${size}`);
  }
  return numbers;
}

/**
 * A performance: the point, and what the hands changed.
 *
 * set() puts one parameter where the hand wants it and moves the point to where the map comes
 * nearest; what the map cannot reach is held on top of it as the point moves on, until release().
 * Parameters that activate() switches off stay where they are, and have no say in where the point
 * goes.
 */
class Performer {
  constructor(map) {
    this.map = map;
    this.c = new Array(map.controlSize).fill(0.5);
    this.held = null;
    this.grip = null;
    this.active = null; // all
    this.solution = map.last.inverse_matrix;
    this.mapped = map.forward(this.c);
    this.p = this.mapped;
  }

  /** Move the point; numbers that are not finite leave their coordinate where it is. */
  move(c) {
    const given = check(c, this.map.controlSize, "move");
    this.c = given.map((x, i) => (Number.isFinite(x) ? clip(0, 1)(x) : this.c[i]));
    this.grip = null;
    return this.follow();
  }

  /** Set one parameter by hand. */
  set(index, value) {
    if (!(index >= 0 && index < this.map.parameterSize)) {
      throw new RangeError(`set: no parameter ${index}; use 0 to ${this.map.parameterSize - 1}`);
    }
    if (!Number.isFinite(value)) return this.p;
    const wanted = this.inRange(this.p.map((p, i) => (i === index ? value : p)));
    if (!this.grip || this.grip.index !== index) {
      this.grip = { index, c: this.c, value: this.p[index] };
    }
    const stays = this.active && !this.active[index];
    const { c: from, value: before } = this.grip;
    return this.hold(stays ? this.c : this.drag(from, index, before, wanted[index]), wanted);
  }

  /** Set all parameters, as a preset does. */
  recall(values) {
    const given = check(values, this.map.parameterSize, "recall");
    const wanted = this.inRange(given.map((p, i) => (Number.isFinite(p) ? p : this.p[i])));
    this.grip = null;
    return this.hold(this.nearest(wanted), wanted);
  }

  /** Put the point and all parameters where they were together once. */
  place(c, values) {
    const point = check(c, this.map.controlSize, "place");
    const given = check(values, this.map.parameterSize, "place");
    this.grip = null;
    return this.hold(
      point.map((x, i) => (Number.isFinite(x) ? clip(0, 1)(x) : this.c[i])),
      this.inRange(given.map((p, i) => (Number.isFinite(p) ? p : this.p[i])))
    );
  }

  /** Choose the parameters that follow the map (true); the others stay where they are. */
  activate(mask) {
    const chosen = check(mask, this.map.parameterSize, "activate").map(Boolean);
    const before = this.active || chosen.map(() => true);
    if (this.held) {
      // What comes back to the map comes without an offset.
      const { wanted, reached } = this.held;
      const back = (i) => chosen[i] && !before[i];
      this.held = { wanted: wanted.map((p, i) => (back(i) ? reached[i] : p)), reached };
    }
    this.active = chosen.every(Boolean) ? null : chosen;
    const { matrix, inverse_matrix: inverse } = this.map.last;
    this.solution = this.active ? solveFrom(matrix, chosen) : inverse;
    this.grip = null;
    return this.follow();
  }

  /** Let go of what is held: the parameters are what the map gives. */
  release() {
    this.held = null;
    this.grip = null;
    return this.follow();
  }

  follow() {
    this.mapped = this.map.forward(this.c);
    const { held, active, p: before } = this;
    const target = held
      ? this.inRange(this.mapped.map((p, i) => held.wanted[i] + (p - held.reached[i])))
      : this.mapped;
    this.p = active ? target.map((p, i) => (active[i] ? p : before[i])) : target;
    return this.p;
  }

  hold(c, wanted) {
    this.c = c.map((x, i) => (Number.isFinite(x) ? x : this.c[i]));
    this.mapped = this.map.forward(this.c);
    this.held = { wanted, reached: this.mapped };
    this.p = wanted;
    return this.p;
  }

  /** Where the point goes when a parameter is moved from one value to another. */
  drag(c, index, before, after) {
    const map = this.map;
    const bounds = map.after.find((s) => s.kind === "bounded");
    const ends = bounds ? clip(bounds.low_end, bounds.high_end) : (x) => x;
    const seen = { end: false };
    const [from, to] = [before, after].map((value) => undoes(map.after, [ends(value)], seen)[0]);
    const start = does(map.front, c);
    // From the input of the last dense layer, whose inverse is the least-squares solution.
    const earlier = does(map.earlier, start);
    const x = earlier.map((value, i) => value + (to - from) * this.solution[index][i]);
    const u = undoes(map.earlier, x, seen);
    return undoes(map.front, map.walk(start, u), seen);
  }

  /** The point whose parameters are nearest, of those that follow the map. */
  nearest(wanted) {
    const { map, active, solution } = this;
    if (!active) return map.inverse(wanted);
    const seen = { end: false };
    const [low, high] = map.parameters.range || [0, 0];
    const asked = wanted.map((p, i) => (active[i] ? p : (low + high) / 2)); // has no say
    const drive = undoes(map.after, asked, seen);
    const earlier = does(map.earlier, does(map.front, this.c));
    const now = does([map.last], earlier);
    const x = earlier.map((value, i) =>
      drive.reduce((total, t, j) => total + (t - now[j]) * solution[j][i], value)
    );
    let u = undoes(map.earlier, x, seen);
    if (seen.end) u = map.walk(map.region.centre, u);
    return undoes(map.front, u, seen);
  }

  inRange(p) {
    const range = this.map.parameters.range;
    return range ? p.map(clip(range[0], range[1])) : p;
  }
}

/** The map. */
const map = new TimbreMap({
  "schema": "timbremap-map/1",
  "description": "universal: 3 coordinates to 4 parameters, normal scale; model of 2026-11-23, map ce2e6edaf227, by tm-export 0.1.0",
  "name": "universal",
  "identity": "ce2e6edaf227",
  "version": "0.1.0",
  "day": "2026-11-23",
  "scale": "normal",
  "coordinates": {
    "size": 3,
    "unit": "1",
    "range": [
      0.0,
      1.0
    ]
  },
  "parameters": {
    "size": 4,
    "names": [
      "rate",
      "duty",
      "shape",
      "depth"
    ],
    "unit": "MIDI steps",
    "range": [
      0.0,
      127.0
    ]
  },
  "front": [
    {
      "kind": "clip",
      "low": 1.1102230246251565e-16,
      "high": 0.9999999999999999,
      "both_ways": false
    },
    {
      "kind": "quantile"
    }
  ],
  "steps": [
    {
      "kind": "affine",
      "matrix": [
        [
          -2.898774205155197,
          -0.6300299005068566,
          0.5027538208210003,
          0.07861493402026692
        ],
        [
          0.33656963302840276,
          -1.8997534641022744,
          -0.9960142130872991,
          -0.07122571239024744
        ],
        [
          0.056466433428999596,
          -0.06233515088014811,
          0.2011730858409166,
          -1.7033729612610748
        ]
      ],
      "offset": [
        -0.5312472964645426,
        0.22051535232338,
        -0.03707207000194229,
        0.04387793091647885
      ],
      "inverse_matrix": [
        [
          -0.31833772571252883,
          0.052071319912644756,
          0.0011495651664763472
        ],
        [
          -0.08267098027406986,
          -0.40731386689170995,
          -0.01748064134006783
        ],
        [
          0.05022551245975979,
          -0.20893826528275727,
          0.07502995859393939
        ],
        [
          -0.0015956967149508988,
          -0.008044334870360409,
          -0.577531429588075
        ]
      ],
      "inverse_offset": [
        -0.14895385622138244,
        0.11008890356382046,
        0.03258785321754218
      ]
    },
    {
      "kind": "bounded",
      "low": 0.0,
      "high": 127.0,
      "first": 1.4291965580997065e-05,
      "last": 126.99998570803442,
      "low_end": 0.5,
      "high_end": 126.5
    }
  ],
  "region": {
    "centre": [
      0.0,
      0.0,
      0.0
    ],
    "deviations": [
      1.0,
      1.0,
      1.0
    ],
    "radius": 2.732050807568877
  }
});

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
