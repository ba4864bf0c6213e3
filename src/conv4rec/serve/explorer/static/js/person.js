// One person: what they would pick, what they would love and hardly find, how sure, and why.

import * as api from "./api.js";
import { ghosts, besideNote } from "./beside.js";
import { codePanel } from "./code.js";
import { detailCard } from "./detail.js";
import { calm, fill, h, say } from "./dom.js";
import { count, percent, plural } from "./format.js";
import { historyPanel } from "./history.js";
import { listOf } from "./lists.js";
import { makePlane } from "./plane.js";
import { regionNote } from "./region.js";
import { LISTED, go, read } from "./state.js";
import { anyone, whoPanel, whom } from "./who.js";
import { ratingBars, rangeBar } from "./bars.js";

export function personPage(model, catalogue) {
  const part = (name, tag = "div") => h(tag, { class: name });
  const who = part("who", "section"), notes = part("notes"), detail = part("detail-place");
  const lists = part("lists"), past = part("past", "section"), region = part("region"), code = part("code-place");
  const like = catalogue.levels[catalogue.level_values.indexOf(catalogue.like_threshold)];
  let view = null, round = 0;

  const plane = makePlane({
    pick: (at) => go({ item: catalogue.items.item_id[at], box: null }),
    hover: calm(120, (at) => at >= 0 && tellMore(at)),
    box: (box) => go({ box: box.map((v) => Number(v.toPrecision(4))).join(","), item: null }),
    tip: (at) => tipOf(at),
  });
  const legend = h("figcaption", { class: "legend" },
    h("span", { class: "key consume" }, "would pick next"), h("span", { class: "key discover" }, "would love, hardly find"),
    h("span", { class: "key" }, "everything else"), h("span", { class: "hint" }, "Point at a dot, click it, or drag a box."));
  const element = h("div", { class: "person" }, who, notes,
    h("div", { class: "stage" },
      h("div", { class: "left" }, h("figure", { class: "picture" }, legend, plane.element), region, past),
      h("div", { class: "right" }, detail, lists, code)));

  async function update(state) {
    const mine = ++round, stale = () => mine !== round;
    if (!state.history && state.user === undefined) return go({ user: api.savedUser ?? await anyone(model) }, true);
    const asked = { ...whom(state), k: LISTED, novelty: state.novelty };
    element.setAttribute("aria-busy", "true");
    const quick = await api.ask(model, "person", { ...asked, reasons: 0 });
    if (stale()) return;
    view = quick;
    fill(who, whoPanel(model, state, view, title(state), catalogue));
    drawAll(state, null);
    element.removeAttribute("aria-busy");
    say(`${title(state)}: first pick ${name(quick.consume.item_id[0])}, first discovery ${name(quick.discover.item_id[0])}`);
    const [whole, other] = await Promise.all([
      api.ask(model, "person", { ...asked, reasons: 2 }),
      state.beside ? ghosts(state, asked, quick, catalogue) : null,
      showDetail(state, stale),
    ]);
    if (stale()) return;
    view = whole;
    drawAll(state, other);
  }

  const name = (id) => (id === undefined ? "none" : catalogue.name(id));
  const title = (state) => (state.user === undefined ? "A pasted history" : `Person ${state.user}`);

  function drawAll(state, other) {
    fill(notes, notices(state));
    const marks = [
      ...view.discover.item_id.map((id, i) => mark(id, i, "discover", other)),
      ...view.consume.item_id.map((id, i) => mark(id, i, "consume", other)),
    ];
    if (state.item !== undefined && catalogue.place.has(String(state.item))) {
      const kept = marks.find((m) => catalogue.items.item_id[m.at] == state.item);
      marks.push({ ...mark(state.item, 0, "chosen", other), rank: kept?.rank ?? 0 });
    }
    plane.show({
      x: view.plane.p_consume, y: view.plane.p_like, low: view.plane.p_like_low, high: view.plane.p_like_high,
      marks, edge: view.novel_below, like,
    });
    fill(lists,
      listOf("discover", "Would love, hardly find", view, catalogue, state, other),
      listOf("consume", "Would pick next", view, catalogue, state, other));
    fill(past, historyPanel(state, view, catalogue));
    fill(code, codePanel(model, state, catalogue));
    fill(region, state.box ? regionNote(model, state, view, catalogue) : null);
    if (other) fill(notes, notices(state), besideNote(state, other));
  }

  function mark(id, i, kind, other) {
    const at = catalogue.place.get(String(id));
    return { at, kind, rank: i + 1, name: catalogue.name(id), ghost: other?.points.get(String(id)) };
  }

  async function showDetail(state, stale) {
    if (state.item === undefined) return fill(detail);
    detail.setAttribute("aria-busy", "true"); // the card before is of another history or item
    const why = api.offline ? null : await api.ask(model, "why", { ...whom(state), item: state.item });
    if (stale()) return;
    detail.removeAttribute("aria-busy");
    fill(detail, detailCard(model, state, why, view, catalogue));
  }

  function tipOf(at) {
    const { plane: all } = view, id = catalogue.items.item_id[at];
    const rank = 1 + all.p_consume.reduce((n, p) => n + (p > all.p_consume[at]), 0);
    return h("div", {},
      h("strong", {}, catalogue.name(id)),
      h("p", {}, `${percent(all.p_consume[at])} to be next, place ${count(rank)}`),
      h("p", {}, `${percent(all.p_like[at])} to be loved`),
      rangeBar(all.p_like_low[at], all.p_like[at], all.p_like_high[at]),
      h("div", { class: "more", "data-at": at }));
  }

  async function tellMore(at) {
    const place = plane.element.querySelector(`.more[data-at="${at}"]`);
    if (!place) return;
    const id = catalogue.items.item_id[at];
    const why = api.offline ? null : await api.ask(model, "why", { ...whom(read()), item: id }).catch(() => null);
    const chances = why ?? Object.fromEntries(catalogue.levels.map((l) => [`p_rating_${l}`, view.plane[`p_rating_${l}`]?.[at]]));
    fill(place, ratingBars(chances, catalogue));
    say(`${catalogue.name(id)}: ${percent(view.plane.p_consume[at])} to be next, ${percent(view.plane.p_like[at])} to be loved`);
  }

  function notices(state) {
    const said = [];
    if (view.fallback) said.push("There is no history to read: these are the answers for anyone, by popularity.");
    if (view.unknown_items.length) {
      const n = view.unknown_items.length, all = n + view.n_interactions;
      said.push(`${n} of ${plural(all, "item")} of this history ${n === 1 ? "is" : "are"} unknown to the model and not used: ${view.unknown_items.slice(0, 5).join(", ")}${n > 5 ? " …" : ""}`);
    }
    if (view.plane.p_like_low.every((low) => low === null)) said.push("This model has no posterior draws: it cannot say how sure it is.");
    return said.map((text) => h("p", { class: "notice" }, text));
  }

  return { element, update, close: plane.close };
}
