// A box of the plane: which items, how many people, and how well calibrated the model is there.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { count, percent, plural } from "./format.js";
import { address, go } from "./state.js";

export function regionNote(model, state, view, catalogue) {
  const box = String(state.box).split(",").map(Number);
  const inside = (p, like) => p !== null && p >= box[0] && p <= box[1] && like >= box[2] && like <= box[3];
  const found = view.plane.p_consume.map((p, at) => (inside(p, view.plane.p_like[at]) ? at : -1)).filter((at) => at >= 0);
  const mean = found.reduce((sum, at) => sum + view.plane.p_like[at], 0) / (found.length || 1);
  const next = found.reduce((sum, at) => sum + view.plane.p_consume[at], 0);
  const had = found.reduce((sum, at) => sum + catalogue.items.n_consumed[at], 0);
  const known = h("p", {}, "Comparing with held-out ratings …");
  if (!api.offline) compare(model, inside).then((text) => fill(known, text)).catch((error) => fill(known, error.message));
  const best = found.sort((a, b) => view.plane.p_like[b] - view.plane.p_like[a]).slice(0, 12);
  return h("section", { class: "box", "aria-label": "The box" },
    h("header", {}, h("h2", {}, `${plural(found.length, "item")} in the box`), h("button", { class: "close", "aria-label": "Close the box", onclick: () => go({ box: null }) }, "×")),
    h("p", {}, `The next pick is here with ${percent(next)}; on average ${percent(mean)} would be loved. In the log they were picked ${count(had)} times by all.`),
    api.offline ? null : known,
    h("ul", { class: "inline" }, best.map((at) => {
      const id = catalogue.items.item_id[at];
      return h("li", {}, h("a", { href: address({ ...state, item: id, box: null }) }, catalogue.name(id)), ` ${percent(view.plane.p_like[at])}`);
    })));
}

async function compare(model, inside) {
  const { pairs, n_users_asked: asked } = await api.ask(model, "model");
  const at = pairs.p_like.map((_, i) => i).filter((i) => inside(pairs.p_consume[i], pairs.p_like[i]));
  if (at.length < 10) return `Only ${plural(at.length, "held-out rating")} of ${asked} people lie here: too few to say how well calibrated the model is.`;
  const share = at.filter((i) => pairs.liked[i]).length / at.length;
  const said = at.reduce((sum, i) => sum + pairs.p_like[i], 0) / at.length;
  const people = new Set(at.map((i) => pairs.user_id[i])).size;
  return `Of ${plural(at.length, "held-out rating")} by ${plural(people, "person", "people")} that lie here, ${percent(share)} were likes; the model said ${percent(said)}.`;
}
