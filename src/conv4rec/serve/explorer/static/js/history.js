// The history, to change: rate, "seen, no opinion", remove, add; the answers follow.

import * as api from "./api.js";
import { dataLinks } from "./code.js";
import { fill, h } from "./dom.js";
import { plural } from "./format.js";
import { rows } from "./api.js";
import { go } from "./state.js";

const OFFERED = 8, SHOWN = 400;

/** The same person with one item rated, seen without an opinion (null), or taken out (undefined). */
export function edit(state, view, item, rating) {
  const history = state.history ? { ...state.history }
    : Object.fromEntries(rows(view.history).map((row) => [row.item_id, row.rating]));
  if (rating === undefined) delete history[item];
  else history[item] = rating;
  go({ history, box: null });
}

export function ratingButtons(catalogue, now, choose, key) {
  const button = (label, rating, title) => h("button", {
    type: "button", class: now === rating ? "rate now" : "rate", title, "aria-label": title, "aria-pressed": now === rating,
    "data-key": `${key} ${label}`, onclick: () => choose(rating),
  }, label);
  return h("span", { class: "rates", role: "group", "aria-label": "Rating" },
    button("–", null, "seen, no opinion"),
    catalogue.levels.map((level, i) => button(level, catalogue.level_values[i], `rated ${level}`)));
}

export function historyPanel(state, view, catalogue) {
  const own = rows(view.history).sort((a, b) => (b.rating ?? 0) - (a.rating ?? 0) || catalogue.name(a.item_id).localeCompare(catalogue.name(b.item_id)));
  const entries = own.slice(0, SHOWN).map((row) => h("li", {},
    h("span", { class: "title" }, catalogue.name(row.item_id)),
    api.offline ? h("span", { class: "given" }, row.rating ?? "–") : [
      ratingButtons(catalogue, row.rating, (rating) => edit(state, view, row.item_id, rating), `past ${row.item_id}`),
      h("button", { class: "close", type: "button", "aria-label": `Remove ${catalogue.name(row.item_id)}`, "data-key": `remove ${row.item_id}`, onclick: () => edit(state, view, row.item_id, undefined) }, "×"),
    ]));
  return [
    h("header", {}, h("h2", {}, api.offline ? "Their history" : "What if? Change the history"),
      state.history && state.user !== undefined ? h("button", { class: "plain", "data-key": "reset", onclick: () => go({ history: null }) }, "Back to their own") : null,
      dataLinks(state, "person", { table: "history" })),
    api.offline ? null : adder(state, view, catalogue),
    h("ul", { class: "entries", tabindex: "0", "aria-label": plural(own.length, "item") }, entries),
    own.length > SHOWN ? h("p", { class: "hint" }, `${SHOWN} of ${own.length} are shown.`) : null,
  ];
}

function adder(state, view, catalogue) {
  const offers = h("ul", { class: "offers" });
  const names = catalogue.items.item_id.map((id) => catalogue.name(id).toLowerCase());
  const offer = (text) => {
    const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean), found = [];
    if (words.length) for (let at = 0; at < names.length && found.length < 200; at += 1) if (words.every((w) => names[at].includes(w))) found.push(at);
    found.sort((a, b) => catalogue.items.n_consumed[b] - catalogue.items.n_consumed[a]);
    fill(offers, found.slice(0, OFFERED).map((at) => {
      const id = catalogue.items.item_id[at];
      return h("li", {}, h("span", { class: "title" }, catalogue.name(id)),
        ratingButtons(catalogue, undefined, (rating) => edit(state, view, id, rating), `add ${id}`));
    }), words.length && !found.length ? h("li", { class: "hint" }, "No item has these words in its title.") : null);
  };
  return h("div", { class: "adder" },
    h("label", { for: "add" }, "Add an item "),
    h("input", { id: "add", type: "search", placeholder: "words of its title", autocomplete: "off", "data-key": "add", oninput: (event) => offer(event.target.value) }),
    offers);
}
