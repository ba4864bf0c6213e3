// Whom the page is about: pick a person, take another at random, or paste a history.

import * as api from "./api.js";
import { calm, fill, h } from "./dom.js";
import { plural } from "./format.js";
import { go } from "./state.js";

export const whom = (state) => (state.history ? { history: state.history } : { user: state.user });

/** A person with a history of middling length, to begin with. */
export async function anyone(model, random = false) {
  const { users } = await api.ask(model, "users", { k: 100 });
  const found = api.rows(users).sort((a, b) => a.n_interactions - b.n_interactions);
  const good = found.filter((u) => u.n_interactions >= 15 && u.n_interactions <= 150);
  const from = good.length ? good : found;
  return from[random ? Math.floor(Math.random() * from.length) : Math.floor(from.length / 2)].user_id;
}

export function whoPanel(model, state, view, title, catalogue) {
  const edited = state.history && state.user !== undefined;
  return [
    h("div", {},
      h("h1", {}, title, edited ? h("span", { class: "badge" }, "edited") : null),
      h("p", { class: "lede" }, sentence(view, catalogue))),
    api.offline ? h("p", { class: "hint" }, "A saved page: conv4rec serve lets you change the history.") : picker(model, state, catalogue),
  ];
}

function sentence(view, catalogue) {
  const n = view.n_interactions;
  if (!n) return "No history yet.";
  const rated = view.n_rated === n ? "all rated" : view.n_rated ? `${view.n_rated} rated` : "none rated";
  const g = view.generosity;
  const generous = g === null ? "" : Math.abs(g) < 0.05 ? "; rates as others do"
    : `; rates ${Math.abs(g).toFixed(1)} ${g > 0 ? "above" : "below"} others on the same items`;
  return `Has ${plural(n, "item")} of ${catalogue.n_items.toLocaleString("en")}, ${rated}${generous}.`;
}

export function picker(model, state, catalogue, paste = true) {
  const choices = h("datalist", { id: "people" });
  const offer = calm(120, async (start) => {
    const { users } = await api.ask(model, "users", { start, k: 30 });
    fill(choices, api.rows(users).map((u) => h("option", { value: u.user_id }, plural(u.n_interactions, "item"))));
  });
  const input = h("input", {
    id: "person", list: "people", placeholder: "id of a person", autocomplete: "off", "data-key": "person",
    oninput: (event) => offer(event.target.value), onfocus: (event) => offer(event.target.value),
  });
  const choose = (event) => {
    event.preventDefault();
    if (input.value.trim()) go({ user: input.value.trim(), history: null, item: null, box: null });
  };
  const other = async () => go({ user: await anyone(model, true), history: null, item: null, box: null });
  return h("form", { class: "picker", onsubmit: choose },
    h("label", { for: "person" }, "Person"), input, choices, h("button", {}, "Show"),
    h("button", { type: "button", onclick: other, "data-key": "other" }, "Someone else"),
    paste ? h("button", { type: "button", onclick: () => pasteDialog(catalogue), "data-key": "paste" }, "Paste a history") : null);
}

/** Opens in the body of the page: answers that arrive meanwhile paint the panel anew, and leave it be. */
function pasteDialog(catalogue) {
  const text = h("textarea", { id: "pasted", rows: "9", spellcheck: "false", placeholder: example(catalogue) });
  const dialog = h("dialog", { "aria-labelledby": "paste-title", onclose: () => dialog.remove() });
  const use = () => {
    const history = parseHistory(text.value, catalogue);
    dialog.close();
    go({ history, user: null, item: null, box: null });
  };
  dialog.append(
    h("h2", { id: "paste-title" }, "Anyone's history"),
    h("label", { for: "pasted" }, `One item a line, by id or title; then a comma and the rating, or nothing for "seen, no opinion". JSON works too.`),
    text,
    h("p", { class: "buttons" }, h("button", { type: "button", onclick: use }, "Use it"), " ",
      h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel")));
  document.body.append(dialog);
  dialog.showModal();
}

function example(catalogue) {
  const top = catalogue.levels.at(-1);
  return catalogue.items.item_id.slice(0, 3).map((id, i) => catalogue.name(id) + (i < 2 ? `, ${top}` : "")).join("\n");
}

/** {item: rating or null} from JSON or from lines; a title stands for its item. */
export function parseHistory(text, catalogue) {
  try {
    const found = JSON.parse(text);
    if (found && typeof found === "object" && !Array.isArray(found)) return found;
  } catch { /* lines, then */ }
  const byTitle = new Map(catalogue.items.title.map((title, at) => [title?.toLowerCase(), catalogue.items.item_id[at]]));
  const history = {};
  for (const line of text.split("\n").map((l) => l.trim()).filter(Boolean)) {
    const match = /^(.*?)\s*[,;\t]\s*(\d+(?:\.\d+)?)?$/.exec(line);
    const find = (words) => (catalogue.place.has(words) ? words : byTitle.get(words.toLowerCase()));
    const whole = find(line);
    if (whole !== undefined || !match) history[whole ?? line] = null;
    else history[find(match[1]) ?? match[1]] = match[2] ? Number(match[2]) : null;
  }
  return history;
}
