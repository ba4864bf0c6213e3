// A log with types: what one person did, and what comes next by each type, with why.

import * as api from "./api.js";
import { dataLinks } from "./code.js";
import { fill, h } from "./dom.js";
import { percent, plural } from "./format.js";
import { LISTED, go } from "./state.js";
import { anyone, picker } from "./who.js";

export function typesPage(model, catalogue) {
  const who = h("section", { class: "who" }), lists = h("div", { class: "lists panels" }), panels = h("div", { class: "panels" });
  const element = h("div", { class: "page types" }, who, lists, panels);

  async function update(state) {
    if (state.user === undefined) return go({ user: await anyone(model) }, true);
    const asked = { user: state.user, k: LISTED }, view = await api.ask(model, "types", asked);
    const links = (table) => dataLinks(state, "types", { ...asked, table });
    fill(who,
      h("div", {}, h("h1", {}, `Person ${state.user}`),
        h("p", { class: "lede" }, `${plural(view.n_events, "event")} on ${plural(view.n_items, "item")} of ${catalogue.n_items.toLocaleString("en")}.`)),
      picker(model, state, catalogue, false));
    const found = api.rows(view.lists);
    fill(lists, catalogue.types.map((type) => list(type, found.filter((row) => row.by === type), links("lists"))));
    fill(panels, history(view, links("history")), associations(view, links("associations")));
  }

  function list(type, found, links) {
    const most = found[0]?.p || 1;
    return h("section", { class: "list consume", "aria-label": `Next by ${type}` },
      h("header", {}, h("h2", {}, `Next ${type}`), h("span", { class: "hint" }, "chance to be next of its type"), links),
      found.length ? h("ol", {}, found.map((row, i) => line(row, i, most))) : h("p", { class: "hint" }, "Nothing is left."));
  }

  function line(row, i, most) {
    const reasons = [1, 2].filter((n) => row[`reason_${n}`] !== null && row[`reason_${n}`] !== undefined)
      .map((n) => `${row[`reason_${n}_type`]} of ${catalogue.name(row[`reason_${n}`])}`);
    const because = reasons.length ? `because of ${reasons.join("; ")}` : "\u00a0";
    return h("li", {}, h("div", { class: "row" },
      h("span", { class: "rank" }, i + 1), h("span", { class: "title" }, catalogue.name(row.item_id)),
      h("span", { class: "value" }, percent(row.p)), h("span", { class: "because", title: because }, because),
      h("span", { class: "track" }, h("span", { class: "full", style: { width: `${(100 * row.p) / most}%` } }))));
  }

  const panel = (title, said, links, heads, body) => h("section", { class: "panel" },
    h("header", {}, h("h2", {}, title), links), h("p", { class: "hint" }, said),
    h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, body.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))));

  function history(view, links) {
    return panel("What they did", "Each item, and the types of its events.", links, ["Item", "Events"],
      api.rows(view.history).map((row) => [catalogue.name(row.item_id), row.type]));
  }

  function associations(view, links) {
    return panel("What an event is worth", "How many times likelier the next event on an item is for what was done with it; the share of next events on items where it was done, and what that share would be by chance.",
      links, ["Done", "Next", "Times likelier", "Share", "By chance"],
      api.rows(view.associations).map((row) => [row.done, row.next, row.times >= 10 ? Math.round(row.times).toLocaleString("en") : Number(row.times.toPrecision(2)), percent(row.share), percent(row.chance)]));
  }

  return { element, update };
}
