// What is on the screen, from code: the same call for curl and Python, and the data as files.

import * as api from "./api.js";
import { h, say } from "./dom.js";
import { LISTED } from "./state.js";
import { whom } from "./who.js";

/** Links to the data behind a panel. */
export function dataLinks(state, view, { table, ...params } = {}) {
  if (api.offline) return null;
  const asked = view === "person" ? { ...whom(state), k: LISTED, novelty: state.novelty } : params;
  const json = api.url(state.model, view, asked), csv = api.url(state.model, view, { ...asked, table }, ".csv");
  const link = (href, label) => h("a", {
    href, "aria-label": `${label} of ${table ?? view}`,
    onclick: (event) => {
      if (!api.isLocked()) return;
      event.preventDefault();
      api.open(href);
    },
  }, label);
  return h("span", { class: "data" }, link(json, "JSON"), link(csv, "CSV"));
}

export function codePanel(model, state, catalogue) {
  if (api.offline) return null;
  return h("details", { class: "code" }, h("summary", {}, "These lists from code"),
    snippet("curl", curl(model, state)), snippet("Python", python(model, state, catalogue)));
}

function snippet(label, text) {
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    say(`Copied the ${label} call`);
  };
  return h("div", { class: "snippet" },
    h("div", {}, h("strong", {}, label), h("button", { type: "button", class: "plain", onclick: copy, "data-key": `copy ${label}` }, "Copy")),
    h("pre", { tabindex: "0" }, text));
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

export function curl(model, state) {
  const address = new URL(`../v1/models/${encodeURIComponent(model)}/recommend`, location.href);
  const who = state.history ? { history: state.history } : { users: [state.user] };
  return ["discover", "consume"].map((by) =>
    `curl -s ${quoted(address.href)} -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify({ ...who, k: LISTED, by }))}`).join("\n");
}

export function python(model, state, catalogue) {
  const { user: userKind, item: itemKind } = catalogue.id_kinds;
  const text = (id, kind) => (kind === "int" ? String(id) : JSON.stringify(String(id)));
  const who = state.history
    ? `{${Object.entries(state.history).map(([item, rating]) => `${text(item, itemKind)}: ${rating ?? "None"}`).join(", ")}}`
    : text(state.user, userKind);
  return [
    "from conv4rec import Conv4Rec", "", `model = Conv4Rec.load(${JSON.stringify(model)})`, `person = ${who}`,
    `model.recommend(person, k=${LISTED}, by="discover", reasons=2)`, `model.recommend(person, k=${LISTED}, by="consume", reasons=2)`,
    ...(state.item === undefined ? [] : [`model.explain(person, ${text(state.item, itemKind)})`]),
  ].join("\n");
}
