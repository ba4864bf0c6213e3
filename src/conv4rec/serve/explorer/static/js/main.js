// Reads the address, asks for what it names, and hands it to a view.

import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { topBar, unlock } from "./frame.js";
import { homePage } from "./home.js";
import { itemPage } from "./item.js";
import { modelPage } from "./model.js";
import { personPage } from "./person.js";
import { go, read, viewsOf } from "./state.js";
import { typesPage } from "./types.js";

const PAGES = { person: personPage, home: homePage, item: itemPage, model: modelPage, types: typesPage };
const main = document.getElementById("main");
let names = [];
let shown = null; // the view on the screen, which takes a new state without being made anew

async function show() {
  const state = read();
  try {
    if (!names.length) names = await api.models();
    if (!names.includes(state.model)) return go({ model: names[0] }, true);
    if (state.beside && !names.includes(state.beside)) return go({ beside: null }, true);
    const catalogue = await api.catalogue(state.model);
    const views = viewsOf(catalogue);
    if (!views.includes(state.view)) return go({ view: views[0] }, true);
    fill(document.getElementById("top"), topBar(state, names, catalogue));
    const key = `${state.view} ${state.model}`;
    if (shown?.key !== key) {
      shown?.page.close?.();
      const page = PAGES[state.view](state.model, catalogue);
      shown = { key, page };
      fill(main, page.element);
    }
    await shown.page.update(state);
    document.title = `${main.querySelector("h1")?.textContent ?? "Explorer"} – conv4rec`;
  } catch (error) {
    if (error.name === "AbortError") return;
    shown = null;
    fill(main, error.locked ? unlock(show) : problem(error));
  }
}

function problem(error) {
  return h("div", { class: "problem", role: "alert" },
    h("h1", {}, "That did not work"),
    h("p", {}, error.message),
    h("p", {}, h("a", { href: "#/person" }, "Start again with any person")));
}

addEventListener("hashchange", show);
show();
