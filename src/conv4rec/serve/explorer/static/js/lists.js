// A list of items: what they are, how likely, how sure, and because of what.

import { rangeBar } from "./bars.js";
import { dataLinks } from "./code.js";
import { h } from "./dom.js";
import { count, percent } from "./format.js";
import { rows } from "./api.js";
import { go } from "./state.js";

export function listOf(kind, title, view, catalogue, state, other) {
  const found = rows(view[kind]);
  return h("section", { class: `list ${kind}`, "aria-labelledby": `list-${kind}` },
    h("header", {}, h("h2", { id: `list-${kind}` }, title), h("span", { class: "hint" }, kind === "consume" ? "chance to be next" : "90% interval"), dataLinks(state, "person", { table: kind })),
    found.length ? h("ol", {}, found.map((row, i) => line(kind, row, i, view, catalogue, state, other)))
      : h("p", { class: "hint" }, kind === "discover" ? "The model finds nothing that is both unlikely to be found and liked with confidence." : "Nothing is left to pick."));
}

function line(kind, row, i, view, catalogue, state, other) {
  const reasons = [1, 2].map((n) => row[`reason_${n}`]).filter((id) => id !== null && id !== undefined);
  const because = reasons.map((id) => catalogue.name(id)).join("; ");
  const most = view.consume.p_consume[0] || 1;
  return h("li", {},
    h("button", {
      class: String(row.item_id) === String(state.item) ? "row chosen" : "row", "data-key": `${kind} ${row.item_id}`,
      "aria-pressed": String(row.item_id) === String(state.item),
      onclick: () => go({ item: String(row.item_id) === String(state.item) ? null : row.item_id, box: null }),
    },
      h("span", { class: "rank" }, i + 1),
      h("span", { class: "title" }, catalogue.name(row.item_id)),
      h("span", { class: "value" }, percent(kind === "consume" ? row.p_consume : row.p_like)),
      h("span", { class: "because", title: because || null },
        [because ? `because of ${because}` : kind === "discover" ? `place ${count(row.consume_rank)} of what they would pick` : "", other?.place(kind, row.item_id)]
          .filter(Boolean).join(" · ") || "\u00a0"),
      kind === "consume"
        ? h("span", { class: "track" }, h("span", { class: "full", style: { width: `${(100 * row.p_consume) / most}%` } }))
        : rangeBar(row.p_like_low, row.p_like, row.p_like_high)));
}
