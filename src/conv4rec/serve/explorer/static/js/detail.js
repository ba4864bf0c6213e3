// The item that was chosen: both answers, how sure, why, and what if.

import { contributionBars, rangeBar, ratingBars } from "./bars.js";
import { rows } from "./api.js";
import * as api from "./api.js";
import { dataLinks } from "./code.js";
import { h } from "./dom.js";
import { count, percent } from "./format.js";
import { edit, ratingButtons } from "./history.js";
import { address, go } from "./state.js";
import { whom } from "./who.js";

export function detailCard(model, state, why, view, catalogue) {
  const at = catalogue.place.get(String(state.item));
  if (at === undefined) return h("p", { class: "notice" }, `Item ${state.item} is not in the catalogue.`);
  const facts = why ?? saved(view, at, catalogue), id = catalogue.items.item_id[at];
  const all = view.plane.p_consume, rank = 1 + all.reduce((n, p) => n + (p > all[at]), 0);
  const close = () => go({ item: null });
  return h("section", { class: "detail", "aria-labelledby": "detail-title", onkeydown: (e) => e.key === "Escape" && close() },
    h("header", {}, h("h2", { id: "detail-title" }, catalogue.name(id)),
      h("button", { class: "close", onclick: close, "aria-label": "Close", "data-key": "close" }, "×")),
    facts.seen ? h("p", { class: "seen" }, facts.rating === null ? "In the history, no opinion given." : `In the history, rated ${facts.rating}.`)
      : h("p", { class: "answers" },
        h("span", {}, h("b", { class: "consume" }, percent(facts.p_consume)), ` to be picked next, place ${count(rank)} of ${count(all.filter((p) => p !== null).length)}`)),
    h("p", { class: "answers" }, h("b", { class: "discover" }, percent(facts.p_like)),
      ` for ${catalogue.like_threshold} or more`, facts.p_like_low === null ? "" : `; 90% interval ${percent(facts.p_like_low)} to ${percent(facts.p_like_high)}`),
    rangeBar(facts.p_like_low, facts.p_like, facts.p_like_high),
    ratingBars(facts, catalogue, true),
    h("p", { class: "hint" }, `Rating expected: ${facts.expected_rating.toFixed(2)}. ${count(catalogue.items.n_consumed[at])} people have it, their mean is ${catalogue.items.mean_rating[at]?.toFixed(2) ?? "unknown"}.`),
    reasons(facts, "like", "Why they would love it", catalogue),
    reasons(facts, "consume", "Why they would pick it", catalogue),
    api.offline ? null : whatIf(state, view, facts, id, catalogue),
    api.offline ? null : h("p", { class: "links" }, h("a", { href: address({ view: "item", model, item: id }) }, "Everything about this item"),
      dataLinks(state, "why", { ...whom(state), item: id, table: "like" })));
}

function reasons(facts, by, title, catalogue) {
  const parts = facts[by] ? rows(facts[by]) : [];
  if (!parts.length) return null;
  const base = parts.find((part) => part.item_id === null);
  const named = parts.filter((part) => part.item_id !== null).slice(0, 60);
  const strongest = named.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution)).slice(0, 5)
    .sort((a, b) => b.contribution - a.contribution);
  const start = base && by === "like" ? `${percent(1 / (1 + Math.exp(-base.contribution)))} without the history; each item moves the log-odds.`
    : base ? "Each item moves the logarithm of the chance." : "Each item adds to the log-odds.";
  return h("div", { class: `why ${by}` }, h("h3", {}, title), h("p", { class: "hint" }, start), contributionBars(strongest, catalogue.name));
}

function whatIf(state, view, facts, id, catalogue) {
  const now = facts.seen ? facts.rating : undefined;
  return h("div", { class: "what-if" }, h("h3", {}, facts.seen ? "Change it" : "What if they had it?"),
    ratingButtons(catalogue, now, (rating) => edit(state, view, id, rating), `detail ${id}`),
    facts.seen ? h("button", { class: "plain", onclick: () => edit(state, view, id, undefined) }, "Take it out of the history") : null);
}

/** What a saved page knows of an item that it cannot ask about. */
function saved(view, at, catalogue) {
  const facts = Object.fromEntries(Object.entries(view.plane).map(([name, column]) => [name, column[at]]));
  const own = view.history.item_id.findIndex((id) => String(id) === String(catalogue.items.item_id[at]));
  facts.seen = own >= 0;
  facts.rating = own >= 0 ? view.history.rating[own] : null;
  const named = [1, 2].filter((n) => facts[`reason_${n}`] !== null && facts[`reason_${n}`] !== undefined);
  facts.like = { item_id: named.map((n) => facts[`reason_${n}`]), contribution: named.map((n) => facts[`reason_${n}_adds`]), rating: named.map(() => null) };
  return facts;
}
