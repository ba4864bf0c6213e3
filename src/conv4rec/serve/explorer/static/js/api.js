// Questions to the server, or to the answers inside a page that was saved with `conv4rec explore`.

const saved = document.getElementById("answers");
const answers = saved ? JSON.parse(saved.textContent) : null;
const asked = new Map();
const MOST_KEPT = 60, MOST_TRIES = 60;
const waiting = []; // questions not yet sent
let busy = false;
let key = null; // of the server; kept while the page is open

export const offline = answers !== null;
export const savedUser = answers?.user;

/** The address of a view: what the page reads, and what JSON and CSV links show. */
export function url(model, view, params = {}, format = "") {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null) continue;
    query.set(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  return `../v1/models/${encodeURIComponent(model)}/explore/${view}${format}?${query}`.replace(/\?$/, "");
}

/** Open the server with its key. */
export function useKey(text) {
  key = text;
}

/** Whether links have to be fetched: a browser sends no key with a link. */
export const isLocked = () => key !== null;

/** Show a JSON or CSV answer of a server with a key. */
export async function open(address) {
  const response = await fetch(address, { headers: { "X-API-Key": key } });
  location.assign(URL.createObjectURL(await response.blob()));
}

/** The names of the models. */
export async function models() {
  if (offline) return answers.models;
  return (await get("../v1/models")).models.map((model) => model.name);
}

/** One view as JSON; the same question is asked once. */
export async function ask(model, view, params = {}) {
  const address = url(model, view, params);
  if (offline) {
    const found = answers.views[view];
    if (!found) throw new Error("This page holds one person's answers: conv4rec serve has the rest.");
    return found;
  }
  if (!asked.has(address)) {
    const found = get(address);
    asked.set(address, found);
    found.catch(() => asked.delete(address));
    if (asked.size > MOST_KEPT) asked.delete(asked.keys().next().value);
  }
  return asked.get(address);
}

/** Questions are sent one at a time, the newest first: a server answers one at a time too. */
function get(address) {
  return new Promise((resolve, reject) => {
    waiting.push({ address, resolve, reject });
    next();
  });
}

async function next() {
  if (busy || !waiting.length) return;
  busy = true;
  const { address, resolve, reject } = waiting.pop();
  await answer(address).then(resolve, reject);
  busy = false;
  next();
}

async function answer(address, tries = 0) {
  const response = await fetch(address, { headers: key ? { "X-API-Key": key } : {} });
  if (response.ok) return response.json();
  if (response.status === 503 && tries < MOST_TRIES) { // others ask too: wait for a turn
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((wake) => setTimeout(wake, 1000 * seconds));
    return answer(address, tries + 1);
  }
  if (response.status === 401) throw Object.assign(new Error("This server asks for its key."), { locked: true });
  const said = await response.json().catch(() => ({}));
  throw new Error(said.error ?? `The server answered ${response.status}.`);
}

/** Rows of a table that came by its columns. */
export function rows(table) {
  const names = Object.keys(table);
  if (!names.length) return [];
  return table[names[0]].map((_, at) => Object.fromEntries(names.map((name) => [name, table[name][at]])));
}

/** The catalogue, with places by id and titles by place. */
export async function catalogue(model) {
  const found = await ask(model, "catalogue");
  if (!found.place) {
    found.place = new Map(found.items.item_id.map((id, at) => [String(id), at]));
    found.name = (id) => found.items.title[found.place.get(String(id))] ?? String(id);
  }
  return found;
}
