// The three charts of a model, each as wide as its place.

import { short } from "./format.js";

const d3 = globalThis.d3;
const KINDS = { consume: "picks", like: "loved", discover: "discoveries" };

function frame(wide, high, label) {
  return d3.create("svg").attr("viewBox", `0 0 ${wide} ${high}`).attr("class", "chart").attr("role", "img").attr("aria-label", label);
}

const axis = (svg, left, top, made) => svg.append("g").attr("class", "axis").attr("transform", `translate(${left},${top})`).call(made);

function words(svg, x, y, text, more = "") {
  return svg.append("text").attr("class", `axis-name ${more}`).attr("x", x).attr("y", y).text(text);
}

/** Share of the places by popularity, beside an even tenth. */
export function exposureChart(table, wide) {
  const high = 300, kinds = Object.keys(KINDS).filter((kind) => table[kind]);
  const svg = frame(wide, high, "Share of places in lists for each tenth of all interactions, most popular items first");
  const x = d3.scalePoint(table.group, [60, wide - 92]).padding(0.3);
  const y = d3.scaleLinear([0, 1.08 * d3.max(kinds, (kind) => d3.max(table[kind]))], [high - 48, 16]);
  axis(svg, 0, high - 48, d3.axisBottom(x).tickSize(0).tickPadding(9).tickFormat((g) => (g === 1 ? "hits" : g === table.group.length ? "rare" : "")));
  axis(svg, 48, 0, d3.axisLeft(y).ticks(4, "%").tickSize(-(wide - 60)));
  words(svg, 60, high - 8, "tenths of all interactions, most popular items first →");
  svg.append("line").attr("class", "even").attr("x1", 52).attr("x2", wide - 88).attr("y1", y(0.1)).attr("y2", y(0.1));
  const line = d3.line((_, i) => x(table.group[i]), (v) => y(v));
  let ends = kinds.map((kind) => ({ kind, y: y(table[kind].at(-1)) + 4 })).sort((a, b) => a.y - b.y);
  ends = ends.map((end, i) => ({ ...end, y: Math.max(end.y, i ? ends[i - 1].y + 15 : 0) }));
  for (const kind of kinds) {
    svg.append("path").attr("class", `line ${kind}`).attr("d", line(table[kind]));
    svg.selectAll(null).data(table[kind]).join("circle").attr("class", `spot ${kind}`).attr("r", 3.5)
      .attr("cx", (_, i) => x(table.group[i])).attr("cy", (v) => y(v))
      .append("title").text((v, i) => `${KINDS[kind]}: ${d3.format(".1%")(v)} of the places, ${table.items[i]} items`);
  }
  words(svg, 66, y(0.1) - 5, "as consumed: a tenth each", "aside");
  for (const end of ends) svg.append("text").attr("class", `name ${end.kind}`).attr("x", wide - 84).attr("y", end.y).text(KINDS[end.kind]);
  return svg.node();
}

/** Predicted P(like) and observed share, with the diagonal on which a calibrated model lies. */
export function reliabilityChart(table, wide) {
  const high = 300, svg = frame(wide, high, "Predicted P(like) and the observed share of likes");
  const x = d3.scaleLinear([0, 1], [56, wide - 20]), y = d3.scaleLinear([0, 1], [high - 48, 26]);
  axis(svg, 0, high - 48, d3.axisBottom(x).ticks(5, "%").tickPadding(8).tickSize(-(high - 74)));
  axis(svg, 56, 0, d3.axisLeft(y).ticks(5, "%").tickSize(-(wide - 76)));
  words(svg, 56, high - 8, "the model said they would love it →");
  words(svg, 24, 14, "↑ and so many did");
  svg.append("line").attr("class", "even").attr("x1", x(0)).attr("x2", x(1)).attr("y1", y(0)).attr("y2", y(1));
  const most = d3.max(table.n), line = d3.line((_, i) => x(table.predicted[i]), (v) => y(v));
  svg.append("path").attr("class", "line discover").attr("d", line(table.observed));
  table.observed.forEach((observed, i) => {
    const n = table.n[i], p = table.predicted[i], reach = 1.645 * Math.sqrt((observed * (1 - observed)) / n);
    svg.append("line").attr("class", "reach discover").attr("x1", x(p)).attr("x2", x(p)).attr("y1", y(Math.max(0, observed - reach))).attr("y2", y(Math.min(1, observed + reach)));
    svg.append("circle").attr("class", "spot discover").attr("cx", x(p)).attr("cy", y(observed)).attr("r", 2.5 + 3 * Math.sqrt(n / most))
      .append("title").text(`${n} ratings: ${d3.format(".0%")(p)} said, ${d3.format(".0%")(observed)} seen`);
  });
  return svg.node();
}

/** The kernels: levels down, channels across, colour by what is added. */
export function kernelChart(table, wide) {
  const channels = Object.keys(table).filter((name) => name !== "level"), into = channels.filter((name) => !name.endsWith("_out"));
  const row = 30, left = 66, cell = (wide - left - 30) / channels.length, high = 34 + row * table.level.length;
  const svg = frame(wide, high, "Input and output kernels of the rating levels");
  channels.forEach((channel, c) => {
    const gap = c >= into.length ? 24 : 0, values = table[channel], most = d3.max(values, (v) => Math.abs(v ?? 0)) || 1;
    svg.append("text").attr("class", "axis-name").attr("text-anchor", "middle").attr("x", left + gap + (c + 0.5) * cell).attr("y", 18).text(short(channel.replace("_out", " →"), Math.floor(cell / 7)));
    values.forEach((value, r) => {
      if (value === null) return;
      const g = svg.append("g").attr("transform", `translate(${left + gap + c * cell},${26 + r * row})`);
      g.append("rect").attr("class", value < 0 ? "cell minus" : "cell plus").attr("width", cell - 3).attr("height", row - 3).attr("rx", 4).attr("fill-opacity", 0.06 + (0.74 * Math.abs(value)) / most);
      g.append("text").attr("class", "number").attr("x", (cell - 3) / 2).attr("y", row / 2 + 3).text(d3.format("+.2f")(value));
    });
  });
  table.level.forEach((level, r) => svg.append("text").attr("class", "axis-name").attr("x", left - 10).attr("text-anchor", "end").attr("y", 26 + r * row + row / 2 + 3).text(level));
  return svg.node();
}
