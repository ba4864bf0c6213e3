// A second model beside the first: the same history, its answers, and what differs.

import * as api from "./api.js";
import { h } from "./dom.js";
import { percent } from "./format.js";

/** What another model says of the same person: `points` by item id, and `place` in its lists. */
export async function ghosts(state, asked, view, catalogue) {
  const history = state.history ?? Object.fromEntries(api.rows(view.history).map((row) => [row.item_id, row.rating]));
  const [other, theirs] = await Promise.all([
    api.ask(state.beside, "person", { ...asked, user: undefined, history, reasons: 0 }), api.catalogue(state.beside),
  ]);
  const points = new Map();
  for (const [id, at] of theirs.place) {
    if (other.plane.p_consume[at] !== null) points.set(id, [other.plane.p_consume[at], other.plane.p_like[at]]);
  }
  const ranks = (kind) => new Map(other[kind].item_id.map((id, i) => [String(id), i + 1]));
  const listed = { consume: ranks("consume"), discover: ranks("discover") };
  const shared = (kind) => view[kind].item_id.filter((id) => listed[kind].has(String(id))).length;
  const place = (kind, id) => {
    const rank = listed[kind].get(String(id)), point = points.get(String(id));
    if (rank) return `${state.beside}: ${rank}.`;
    if (!point) return `${state.beside}: unknown item`;
    return `${state.beside}: not listed, ${percent(point[kind === "consume" ? 0 : 1])}`;
  };
  const only = (kind) => other[kind].item_id.filter((id) => !view[kind].item_id.some((own) => String(own) === String(id))).map((id) => theirs.name(id));
  return { points, place, shared, only, n: { consume: view.consume.item_id.length, discover: view.discover.item_id.length } };
}

export function besideNote(state, other) {
  const line = (kind, what) => h("li", {}, `${other.shared(kind)} of ${other.n[kind]} ${what} are also ${state.beside}'s`,
    other.only(kind).length ? `; it has instead ${other.only(kind).slice(0, 3).join(", ")}${other.only(kind).length > 3 ? " …" : ""}` : "");
  return h("div", { class: "notice beside" },
    h("p", {}, h("strong", {}, `${state.model} and ${state.beside}.`), ` Full dots are ${state.model}'s, rings at the end of a line ${state.beside}'s.`),
    h("ul", {}, line("discover", "discoveries"), line("consume", "picks")));
}
