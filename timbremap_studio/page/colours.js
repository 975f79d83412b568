// A row of colours from low to high, even to the eye (viridis), and as readable without colour.
const STOPS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];

/** The part of the row that can be seen on a dark ground, and on a light one. */
const SEEN = { dark: [0.2, 1], light: [0, 0.9] };

/** The colour of a share from 0 to 1 on a ground, as CSS has it. */
export function colour(share, ground) {
  const [first, last] = SEEN[ground];
  const at = (first + (last - first) * Math.min(Math.max(share, 0), 1)) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  const mixed = STOPS[low].map((x, i) => Math.round(x + (at - low) * (STOPS[low + 1][i] - x)));
  return `rgb(${mixed.join(" ")})`;
}
