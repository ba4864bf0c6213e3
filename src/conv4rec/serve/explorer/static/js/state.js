// What is on the screen, as the fragment of the address: a browser never sends it to a server, so
// the histories in it are in no log.

export const VIEWS = { person: "Person", home: "Home page", item: "Item", model: "Model", types: "Types" };
export const LISTED = 8; // items of a list beside the plane
/** The views of a model: of ratings, of types, or of both. */
export const viewsOf = (catalogue) => Object.keys(VIEWS).filter((view) => (view === "types" ? catalogue.types.length : catalogue.has_ratings));
const KEYS = ["model", "beside", "user", "history", "item", "k", "novelty", "daring", "box"];

/** {view, model, beside, user, history, item, ...}: texts, but `history`, which is {item: rating}. */
export function read(fragment = location.hash) {
  const [path, query = ""] = fragment.replace(/^#\/?/, "").split("?");
  const state = { view: VIEWS[path] ? path : "person" };
  for (const [key, text] of new URLSearchParams(query)) if (KEYS.includes(key)) state[key] = text;
  if (state.history !== undefined) state.history = parsed(state.history);
  return state;
}

function parsed(text) {
  try {
    const found = JSON.parse(text);
    return found && typeof found === "object" && !Array.isArray(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

export function address(state) {
  const query = new URLSearchParams();
  for (const key of KEYS) {
    const now = state[key];
    if (now === undefined || now === null || now === "") continue;
    query.set(key, typeof now === "object" ? JSON.stringify(now) : now);
  }
  return `#/${state.view}?${query}`;
}

/** Go on with some values changed; null removes one. `replace` leaves no step to go back to. */
export function go(changes, replace = false) {
  const state = { ...read(), ...changes };
  if (replace) {
    history.replaceState(null, "", address(state));
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = address(state);
}
