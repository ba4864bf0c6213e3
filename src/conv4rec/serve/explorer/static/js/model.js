// The whole model: what it learned of the ratings, how far to believe it, and whom it shows.

import * as api from "./api.js";
import { exposureChart, kernelChart, reliabilityChart } from "./charts.js";
import { dataLinks } from "./code.js";
import { fill, h } from "./dom.js";
import { count, percent, plural } from "./format.js";

const NAMES = { consume: "picks, by P(consume)", like: "loved, by P(like)", discover: "discoveries" };

export function modelPage(model, catalogue) {
  const body = h("div", { class: "panels" }, h("p", { class: "hint" }, "Making lists for a sample of people: some seconds, once …"));
  const rated = catalogue.n_rated / Math.max(1, catalogue.n_interactions);
  const element = h("div", { class: "page model" },
    h("section", { class: "who" }, h("div", {}, h("h1", {}, model), h("p", { class: "lede" },
      `${count(catalogue.n_interactions)} interactions of ${count(catalogue.n_users)} people with ${count(catalogue.n_items)} items, ${percent(rated)} of them rated on ${plural(catalogue.levels.length, "level")}.`))), body);

  async function update(state) {
    const view = await api.ask(model, "model");
    const redraw = () => fill(body, exposure(state, view), reliability(state, view), kernels(state, view), coverage(state, view));
    redraw();
  }

  const wide = () => Math.max(280, Math.min(620, body.clientWidth - 36));
  const panel = (title, said, links, ...children) => h("section", { class: "panel" }, h("header", {}, h("h2", {}, title), links), h("p", { class: "hint" }, said), ...children);

  function exposure(state, view) {
    const last = view.exposure.items.length - 1, rare = (by) => view.exposure[by]?.slice(5).reduce((a, b) => a + b, 0);
    const said = view.exposure.discover
      ? `The rarer half of what people consume gets ${percent(rare("consume"))} of the places in lists of picks, and ${percent(rare("discover"))} in discoveries. Each step holds a tenth of all interactions: the first is ${plural(view.exposure.items[0], "item")}, the last ${count(view.exposure.items[last])}.`
      : "Each step holds a tenth of all interactions.";
    return panel("Who gets shown", said, dataLinks(state, "model", { table: "exposure" }), exposureChart(view.exposure, wide()));
  }

  function reliability(state, view) {
    if (!view.reliability.predicted?.length) return panel("Do the probabilities hold?", "There are no ratings to compare with.", null);
    const said = `On average P(like) is ${(100 * view.calibration_error).toFixed(1)} points off. Measured on ${view.reliability_of}; conv4rec evaluate measures it on people who were not in training.`;
    return panel("Do the probabilities hold?", said, dataLinks(state, "model", { table: "reliability" }), reliabilityChart(view.reliability, wide()));
  }

  function kernels(state, view) {
    return panel("What a rating means to the model", "Left: what each level adds to a channel of the encoder. Right: what a channel adds to each level's chance. Orange adds, blue takes away.",
      dataLinks(state, "model", { table: "kernels" }), kernelChart(view.kernels, wide()));
  }

  function coverage(state, view) {
    return panel("How much of the catalogue is shown", `Lists of ${view.k} for ${count(view.n_users_asked)} people, evenly spaced.`, dataLinks(state, "model", { table: "coverage" }),
      h("table", {}, h("thead", {}, h("tr", {}, ["Lists", "Items shown", "Of the catalogue", "Most listed item is in"].map((t, i) => h("th", { class: i ? "n" : "", scope: "col" }, t)))),
        h("tbody", {}, api.rows(view.coverage).map((row) => h("tr", {}, h("td", {}, NAMES[row.by]), h("td", { class: "n" }, count(row.items)),
          h("td", { class: "n strong" }, percent(row.share)), h("td", { class: "n" }, `${percent(row.top_item)} of lists`))))));
  }

  return { element, update };
}
