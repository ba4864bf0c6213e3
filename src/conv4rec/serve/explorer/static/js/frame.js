// The bar at the top: where you are, which model, and a second one beside it.

import * as api from "./api.js";
import { h } from "./dom.js";
import { VIEWS, address, go, viewsOf } from "./state.js";

export function topBar(state, names, catalogue) {
  const tabs = viewsOf(catalogue).map((view) =>
    h("a", {
      href: address({ ...state, view }), "data-key": view,
      "aria-current": view === state.view ? "page" : null,
    }, VIEWS[view]));
  return [
    h("a", { class: "brand", href: address({ view: viewsOf(catalogue)[0], model: state.model }) },
      h("span", { class: "mark", "aria-hidden": "true" }), "conv4rec"),
    api.offline ? null : h("nav", { "aria-label": "Views" }, tabs),
    h("div", { class: "models" },
      choice("Model", state.model, names, (model) => go({ model, beside: null })),
      names.length > 1 && state.view === "person"
        ? choice("beside", state.beside ?? "", names.filter((n) => n !== state.model),
          (beside) => go({ beside: beside || null }), "no other")
        : null,
      h("span", { class: "size" }, `${catalogue.n_users.toLocaleString("en")} people, ${catalogue.n_items.toLocaleString("en")} items`)),
    themeButton(),
  ];
}

function choice(label, value, names, choose, none) {
  if (!none && names.length === 1) return h("strong", {}, value);
  const options = names.map((name) => h("option", { value: name, selected: name === value }, name));
  return h("label", { class: "choice" }, label, " ",
    h("select", { onchange: (event) => choose(event.target.value), "data-key": label },
      none ? h("option", { value: "", selected: !value }, none) : null, options));
}

function themeButton() {
  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const turn = () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    dispatchEvent(new Event("themechange"));
  };
  return h("button", { class: "theme", onclick: turn, title: "Dark or light", "aria-label": "Dark or light", "data-key": "theme" }, "◐");
}

/** Ask for the key of a server that has one; it is kept while the page is open. */
export function unlock(then) {
  const input = h("input", { type: "password", id: "key", autocomplete: "off" });
  const enter = (event) => {
    event.preventDefault();
    api.useKey(input.value);
    then();
  };
  return h("form", { class: "problem", onsubmit: enter },
    h("h1", {}, "This server asks for its key"),
    h("label", { for: "key" }, "API key ", input), " ", h("button", {}, "Open"));
}
