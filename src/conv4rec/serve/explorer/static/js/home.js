// A home page for one person: rows of items, and the dial from safe to daring.

import * as api from "./api.js";
import { dataLinks } from "./code.js";
import { fill, h, say } from "./dom.js";
import { percent } from "./format.js";
import { LISTED, address, go } from "./state.js";
import { anyone, whoPanel, whom } from "./who.js";

const PLACES = 10;

export function homePage(model, catalogue) {
  const who = h("section", { class: "who" }), rows = h("div", { class: "rows" }), dial = h("section", { class: "dial panel" });
  const element = h("div", { class: "page home" }, who, dial, rows);
  let round = 0;

  async function update(state) {
    const mine = ++round;
    if (!state.history && state.user === undefined) return go({ user: await anyone(model) }, true);
    const [view, person] = await Promise.all([
      api.ask(model, "rows", whom(state)), api.ask(model, "person", { ...whom(state), k: LISTED, novelty: state.novelty, reasons: 0 }),
    ]);
    if (mine !== round) return;
    const most = view.dial.discoveries.length - 1, daring = Math.min(most, Number(state.daring ?? Math.min(3, most)));
    fill(who, whoPanel(model, state, person, state.user === undefined ? "A pasted history" : `Home page of person ${state.user}`, catalogue));
    fill(dial, dialPanel(state, view, daring, most));
    const because = Map.groupBy(api.rows(view.because ?? {}), (row) => row.reason_1);
    fill(rows,
      shelf("For you", `${PLACES - daring} safe picks and ${daring} discoveries`, mixed(view, daring), state, "dial"),
      shelf("You would love, but hardly find", "the model's discoveries, surest first", api.rows(view.discover).map((r) => ({ ...r, kind: "discover" })), state, "discover"),
      [...because].map(([id, found]) => shelf(`Because you ${verb(person, id)} ${catalogue.name(id)}`, "", found, state, "because")));
  }

  function verb(person, id) {
    const at = person.history.item_id.findIndex((own) => String(own) === String(id)), rating = person.history.rating[at];
    return rating === null ? "had" : rating >= catalogue.like_threshold ? "loved" : "rated";
  }

  /** Discoveries evenly among the picks, as a person would see them. */
  function mixed(view, daring) {
    const bold = api.rows(view.discover).slice(0, daring).map((r) => ({ ...r, kind: "discover" }));
    const ids = new Set(bold.map((row) => row.item_id));
    const safe = api.rows(view.consume).filter((row) => !ids.has(row.item_id)).slice(0, PLACES - daring);
    const found = [];
    for (let place = 1; place <= PLACES; place += 1) {
      const due = Math.floor((place * daring) / PLACES) > Math.floor(((place - 1) * daring) / PLACES);
      const next = (due ? bold.shift() : safe.shift()) ?? bold.shift() ?? safe.shift();
      if (next) found.push(next);
    }
    return found;
  }

  function dialPanel(state, view, daring, most) {
    const at = (column) => view.dial[column][daring], safe = (column) => view.dial[column][0];
    const turn = (event) => {
      go({ daring: event.target.value }, true);
      say(`${event.target.value} of ${PLACES} places to discoveries`);
    };
    const fact = (label, value, from) => h("div", { class: "fact" }, h("b", {}, value), h("span", {}, label), daring ? h("small", {}, `${from} without discoveries`) : null);
    return [
      h("header", {}, h("h2", {}, "From safe to daring"), dataLinks(state, "rows", { ...whom(state), table: "dial" })),
      h("div", { class: "turn" },
        h("label", { for: "daring" }, `${daring} of ${PLACES} places go to discoveries`),
        h("div", { class: "slide" }, h("span", {}, "safe"),
          h("input", { type: "range", id: "daring", min: 0, max: most, step: 1, value: daring, "data-key": "daring", oninput: turn, disabled: most === 0 }),
          h("span", {}, "daring"))),
      h("div", { class: "facts" },
        fact("would be loved, of ten", at("expected_likes").toFixed(1), safe("expected_likes").toFixed(1)),
        fact("would be missed without this row", percent(at("would_miss")), percent(safe("would_miss"))),
        fact("that the next pick is in the row", percent(at("p_next")), percent(safe("p_next")))),
    ];
  }

  function shelf(title, note, found, state, key) {
    if (!found.length) return null;
    return h("section", { class: "shelf", "aria-label": title },
      h("header", {}, h("h2", {}, title), h("span", { class: "hint" }, note), dataLinks(state, "rows", { ...whom(state), table: key })),
      h("ul", { tabindex: "0", "aria-label": `${title}, ${found.length} items` }, found.map((row) => h("li", {},
        h("a", { class: row.kind === "discover" ? "card discover" : "card", href: address({ ...state, view: "person", item: row.item_id }) },
          h("span", { class: "title" }, catalogue.name(row.item_id)),
          h("span", { class: "numbers" }, row.kind === "discover" ? `${percent(row.p_like)} to be loved` : `${percent(row.p_consume)} next, ${percent(row.p_like)} loved`))))));
  }

  return { element, update };
}
