// Names beside marks, none over another: each takes the first free place around its mark,
// or a farther one with a line to it, or none.

import { short } from "./format.js";

const HIGH = 15, WIDE = 6.6; // pixels of a line and of a character

export function placeLabels(named, spots, bounds, most) {
  const taken = spots.map((spot) => [spot.cx - 7, spot.cy - 7, spot.cx + 7, spot.cy + 7]);
  const found = [];
  const first = [...named].sort((a, b) => order(a) - order(b));
  for (const spot of first) {
    const name = short(spot.name, most), wide = Array.from(name).length * WIDE;
    for (const [x, y, anchor, far] of [
      [spot.cx + 10, spot.cy + 4, "start"], [spot.cx - 10, spot.cy + 4, "end"],
      [spot.cx, spot.cy - 11, "middle"], [spot.cx, spot.cy + 20, "middle"],
      [spot.cx + 10, spot.cy - 11, "start"], [spot.cx + 10, spot.cy + 19, "start"],
      [spot.cx - 10, spot.cy - 11, "end"], [spot.cx - 10, spot.cy + 19, "end"],
      ...[-34, 42, -52, 60, -70, 78].flatMap((dy) => [[spot.cx - 22, spot.cy + dy, "end", true], [spot.cx + 22, spot.cy + dy, "start", true]]),
    ]) {
      const left = anchor === "start" ? x : anchor === "end" ? x - wide : x - wide / 2;
      const box = [left, y - HIGH + 3, left + wide, y + 3];
      const fits = box[0] >= bounds.left && box[2] <= bounds.right && box[1] >= bounds.top && box[3] <= bounds.bottom;
      if (fits && !taken.some((other) => meet(box, other, spot))) {
        taken.push(box);
        found.push({ ...spot, name, x, y, anchor, far });
        break;
      }
    }
  }
  return found;
}

const order = (spot) => (spot.kind === "chosen" ? -1 : spot.rank + (spot.kind === "discover" ? 0 : 0.5));

function meet(a, b, spot) {
  const own = b[0] === spot.cx - 7 && b[1] === spot.cy - 7;
  return !own && a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}
