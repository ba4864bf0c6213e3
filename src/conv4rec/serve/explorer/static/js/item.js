// One item: who would love it and hardly find it, its neighbours, and what its fans like more.

import * as api from "./api.js";
import { rangeBar } from "./bars.js";
import { dataLinks } from "./code.js";
import { fill, h } from "./dom.js";
import { count, percent, plural } from "./format.js";
import { address, go } from "./state.js";

export function itemPage(model, catalogue) {
  const who = h("section", { class: "who" }), body = h("div", { class: "panels" });
  const element = h("div", { class: "page item" }, who, body);
  let round = 0;

  async function update(state) {
    const mine = ++round, id = state.item;
    if (id === undefined) return go({ item: popular() }, true);
    fill(who, heading(state, id));
    fill(body, h("p", { class: "hint" }, "Reading the people for this item …"));
    const view = await api.ask(model, "item", { item: id });
    if (mine !== round) return;
    fill(who, heading(state, id, view));
    fill(body, audience(state, view, id), neighbours(state, view, id), fans(state, view, id), ratings(state, view, id));
  }

  const popular = () => catalogue.items.item_id[catalogue.items.n_consumed.indexOf(Math.max(...catalogue.items.n_consumed))];

  function heading(state, id, view) {
    const chosen = (event) => {
      const name = event.target.value, at = catalogue.items.item_id.findIndex((own) => catalogue.name(own) === name || String(own) === name);
      if (at >= 0) go({ item: catalogue.items.item_id[at] });
    };
    const options = catalogue.items.item_id.slice(0, 20000).map((own) => h("option", { value: catalogue.name(own) }));
    const lede = view ? `${plural(view.n_consumed, "person has", "people have")} it${view.share_liked === null ? "" : `; of ${count(view.n_rated)} who rated it, ${percent(view.share_liked)} love it`}.` : "…";
    return [h("div", {}, h("h1", {}, catalogue.name(id)), h("p", { class: "lede" }, lede)),
      h("div", { class: "picker" }, h("label", { for: "which" }, "Item"),
        h("input", { id: "which", list: "items", placeholder: "title or id", onchange: chosen, autocomplete: "off", "data-key": "which" }), h("datalist", { id: "items" }, options))];
  }

  const panel = (title, note, links, ...children) => h("section", { class: "panel" },
    h("header", {}, h("h2", {}, title), links), h("p", { class: "hint" }, note), ...children);
  const link = (state, id) => h("a", { href: address({ view: "item", model, item: id, user: state.user }) }, catalogue.name(id));

  function audience(state, view, id) {
    const among = view.n_users_asked < view.n_users ? ` Sought among ${count(view.n_users_asked)} of ${count(view.n_users)} people, evenly spaced.` : "";
    const found = api.rows(view.audience);
    return panel("Who would love it and would not find it", `People for whom it is a discovery, surest first.${among}`, dataLinks(state, "item", { item: id, table: "audience" }),
      found.length ? h("table", {}, h("thead", {}, h("tr", {}, ["Person", "P(like)", "90% interval", "Place"].map((t, i) => h("th", { class: i && i !== 2 ? "n" : "", scope: "col" }, t)))),
        h("tbody", {}, found.map((row) => h("tr", {},
          h("td", {}, h("a", { href: address({ view: "person", model, user: row.user_id, item: id }) }, String(row.user_id))),
          h("td", { class: "n strong" }, percent(row.p_like)), h("td", {}, rangeBar(row.p_like_low, row.p_like, row.p_like_high)), h("td", { class: "n" }, count(row.consume_rank))))))
        : h("p", {}, "Nobody among them: those who would love it are likely to come to it alone, or it is one of the few most popular items, which are never a discovery."));
  }

  function neighbours(state, view, id) {
    return panel("Its neighbours", "Items consumed by the same people: cosine of the vectors that decode P(consume).", dataLinks(state, "item", { item: id, table: "neighbours" }),
      h("ol", { class: "lines" }, api.rows(view.neighbours).map((row) => h("li", {}, link(state, row.item_id), h("span", { class: "n" }, row.similarity.toFixed(2))))));
  }

  function fans(state, view, id) {
    const found = api.rows(view.liked_too);
    return panel("Those who love it also love", "More often than all who rated these items; counted in the log, not predicted.", dataLinks(state, "item", { item: id, table: "liked_too" }),
      found.length ? h("ol", { class: "lines" }, found.map((row) => h("li", {}, link(state, row.item_id), h("span", { class: "n" }, `${percent(row.share)} against ${percent(row.share_of_all)}, of ${count(row.n)}`))))
        : h("p", {}, "Too few people rated it and anything else."));
  }

  function ratings(state, view, id) {
    const most = Math.max(...view.ratings.n, 1);
    return panel("Its ratings", "As they are in the log.", dataLinks(state, "item", { item: id, table: "ratings" }),
      h("div", { class: "ratings tall", role: "img", "aria-label": view.ratings.level.map((l, i) => `${l}: ${view.ratings.n[i]}`).join(", ") },
        view.ratings.level.map((level, i) => h("div", { class: catalogue.level_values[i] >= catalogue.like_threshold ? "bar liked" : "bar" },
          h("span", { class: "n" }, count(view.ratings.n[i])), h("span", { class: "column" }, h("span", { class: "full", style: { height: `${(100 * view.ratings.n[i]) / most}%` } })), h("span", { class: "level" }, level)))));
  }

  return { element, update };
}
