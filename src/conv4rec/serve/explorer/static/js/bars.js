// Small bars made of boxes: an interval, the chances of the ratings, contributions.

import { h } from "./dom.js";
import { percent, signed } from "./format.js";

/** P(like) as a point on a track, and its 90% interval as a band. */
export function rangeBar(low, p, high) {
  const said = low === null ? percent(p) : `${percent(p)}, 90% interval ${percent(low)} to ${percent(high)}`;
  return h("span", { class: "range", role: "img", "aria-label": said, title: said },
    low === null ? null : h("span", { class: "band", style: { left: `${100 * low}%`, width: `${100 * (high - low)}%` } }),
    h("span", { class: "point", style: { left: `${100 * p}%` } }));
}

/** The chance of each rating level; those that count as liking in the accent. */
export function ratingBars(facts, catalogue, numbers = false) {
  const p = catalogue.levels.map((level) => facts[`p_rating_${level}`] ?? 0), most = Math.max(...p, 1e-9);
  const said = catalogue.levels.map((level, i) => `${level}: ${percent(p[i])}`).join(", ");
  return h("div", { class: "ratings", role: "img", "aria-label": `Chance of each rating. ${said}` },
    catalogue.levels.map((level, i) => h("div", { class: catalogue.level_values[i] >= catalogue.like_threshold ? "bar liked" : "bar" },
      numbers ? h("span", { class: "n" }, p[i] >= 0.005 ? percent(p[i]) : "") : null,
      h("span", { class: "column" }, h("span", { class: "full", style: { height: `${(100 * p[i]) / most}%` } })),
      h("span", { class: "level" }, level))));
}

/** Contributions left and right of zero. */
export function contributionBars(parts, name) {
  const most = Math.max(...parts.map((part) => Math.abs(part.contribution)), 1e-9);
  return h("ul", { class: "contributions" }, parts.map((part) => {
    const wide = (50 * Math.abs(part.contribution)) / most, up = part.contribution >= 0;
    return h("li", {},
      h("span", { class: "what" }, name(part.item_id), part.rating !== null && part.rating !== undefined ? h("span", { class: "given" }, ` rated ${part.rating}`) : null),
      h("span", { class: "two-way" }, h("span", { class: up ? "up" : "down", style: up ? { left: "50%", width: `${wide}%` } : { left: `${50 - wide}%`, width: `${wide}%` } })),
      h("span", { class: "adds" }, signed(part.contribution, 2)));
  }));
}
