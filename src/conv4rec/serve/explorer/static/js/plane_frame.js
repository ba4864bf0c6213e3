// What stands over the dots of the plane: axes, the line of discoveries, marks and their names.

import { percent } from "./format.js";
import { placeLabels } from "./labels.js";

const d3 = globalThis.d3;
export const LEAST = 1e-8; // a lower P(consume) is drawn there

export function drawFrame(svg, data, size) {
  const { wide, high, margin, x, y, small } = size;
  const label = (left, top, anchor, text, more = "") => svg.append("text").attr("class", `axis-name ${more}`)
    .attr("x", left).attr("y", top).attr("text-anchor", anchor).text(text);
  svg.selectAll("*").remove();
  const bottom = d3.axisBottom(x).tickValues(decades(x.domain())).tickFormat(percent).tickPadding(9).tickSize(-(high - margin.top - margin.bottom));
  svg.append("g").attr("class", "axis").attr("transform", `translate(0,${high - margin.bottom})`).call(bottom);
  const side = d3.axisLeft(y).ticks(5, "%").tickPadding(7).tickSize(-(wide - margin.left - margin.right));
  svg.append("g").attr("class", "axis").attr("transform", `translate(${margin.left},0)`).call(side);
  label(wide - margin.right, high - 8, "end", small ? "chance to be picked next →" : "chance to be the next thing they pick →");
  label(small ? 8 : margin.left, margin.top - 14, "start", `↑ chance of ${data.like} or more, if they do`);
  if (data.edge) {
    const edge = x(data.edge);
    svg.append("line").attr("class", "edge").attr("x1", edge).attr("x2", edge).attr("y1", margin.top).attr("y2", high - margin.bottom);
    if (!small) {
      label(edge - 8, high - margin.bottom - 10, "end", "would hardly come to these alone", "aside");
      label(edge + 8, high - margin.bottom - 10, "start", "may find these alone", "aside");
    }
  }
  drawMarks(svg.append("g"), data, size);
}

function drawMarks(layer, data, { x, y, margin, wide, high, small }) {
  const spots = data.marks.filter((m) => data.x[m.at] !== null && data.y[m.at] !== null).map((m) => ({
    ...m, cx: x(Math.max(data.x[m.at], LEAST)), cy: y(data.y[m.at]),
  }));
  for (const spot of spots) {
    if (spot.ghost) {
      const gx = x(Math.max(spot.ghost[0], LEAST)), gy = y(spot.ghost[1]);
      layer.append("line").attr("class", `ghost ${spot.kind}`).attr("x1", spot.cx).attr("y1", spot.cy).attr("x2", gx).attr("y2", gy);
      layer.append("circle").attr("class", `ghost ${spot.kind}`).attr("cx", gx).attr("cy", gy).attr("r", 4.5);
    }
    if (data.low[spot.at] !== null && (spot.kind === "chosen" || spot.kind === "discover")) {
      layer.append("line").attr("class", `reach ${spot.kind}`).attr("x1", spot.cx).attr("x2", spot.cx)
        .attr("y1", y(data.low[spot.at])).attr("y2", y(data.high[spot.at]));
    }
  }
  const chosen = spots.find((s) => s.kind === "chosen")?.at;
  const named = spots.filter((s) => s.kind === "chosen" || (s.at !== chosen && (!small || s.rank <= 3)));
  const bounds = { left: margin.left, right: wide - margin.right, top: margin.top - 8, bottom: high - margin.bottom };
  const texts = placeLabels(named, spots, bounds, small ? 18 : 30);
  for (const text of texts.filter((t) => t.far)) {
    layer.append("line").attr("class", `leader ${text.kind}`).attr("x1", text.cx).attr("y1", text.cy).attr("x2", text.x).attr("y2", text.y - 4);
  }
  for (const spot of spots) {
    layer.append("circle").attr("class", `mark ${spot.kind}`).attr("cx", spot.cx).attr("cy", spot.cy).attr("r", spot.kind === "chosen" ? 8 : 5.5);
  }
  for (const text of texts) {
    layer.append("text").attr("class", `name ${text.kind}`).attr("x", text.x).attr("y", text.y).attr("text-anchor", text.anchor).text(text.name);
  }
}

const decades = ([low, high]) => d3.range(Math.ceil(Math.log10(low)), Math.floor(Math.log10(high)) + 1).map((n) => 10 ** n);
