// The page: what is asked stands in the address, controls change it, answers follow. No figure is worked out here.
import { ask, foresee, foreseen } from "./ask.js";
import { clear, draw, make } from "./draw.js";
import { offer, works } from "./work.js";

const QUICK = ["roofline", "bill", "layers"]; // follow a slider at once
const BINDING = ["figures"]; // with the sentence: what binds, and what each limit costs
const THEN = ["beside", "sram"];
const ORDER = ["beside", "roofline", "figures", "bill", "layers", "sram", "changes", "map", "ranking", "sweep"];
const LONG = ["map", "ranking", "sweep"]; // stay as they were asked for until they are asked for again
const REST_MS = 80; // without a move before what takes longer is asked for
const OLD_MS = 250; // a question that is older than this gives way to the next one
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

const at = (id) => document.getElementById(id);
const empty = () => ({ network: "resnet50", params: {}, chip: "inferx_x1", chip_text: null, settings: {}, batch: 1, precision: "", beside: [] });
let state = empty();
let library = { chips: [], networks: [], files: [], orders: [], columns: [] };
let chip, network, taken; // taken: the file of a network

// The address ------------------------------------------------------------------------------------------------------------

const coded = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const decoded = (text) => new TextDecoder().decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
const valued = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

function address() {
  const said = new URLSearchParams();
  said.set("network", state.network);
  for (const [key, value] of Object.entries(state.params)) said.set(`param.${key}`, value);
  if (state.chip_text === null) said.set("chip", state.chip);
  else said.set("chip_text", coded(state.chip_text));
  for (const [key, value] of Object.entries(state.settings)) said.set(`set.${key}`, value);
  if (state.batch !== 1) said.set("batch", state.batch);
  if (state.precision) said.set("precision", state.precision);
  if (state.beside.length) said.set("beside", state.beside.join(","));
  return `#${said}`;
}

function read() {
  const said = new URLSearchParams(location.hash.slice(1));
  const found = empty();
  for (const [key, value] of said) {
    if (key === "chip_text") {
      try {
        found.chip_text = decoded(value);
      } catch {
        fault(["address: chip_text: must be what a link of this page holds"]);
      }
    } else if (key.startsWith("param.")) found.params[key.slice(6)] = valued(value);
    else if (key.startsWith("set.")) found.settings[key.slice(4)] = valued(value);
    else if (key === "beside") found.beside = value.split(",").filter(Boolean);
    else if (key === "batch") found.batch = Number(value) || 1;
    else if (key in found) found[key] = value;
  }
  state = found;
}

/** Keep what is asked now as a step that the browser's way back undoes, and the button too. */
function keep() {
  if (address() === location.hash) return;
  history.pushState({ steps: (history.state?.steps ?? 0) + 1 }, "", address());
  at("undo").disabled = false;
}

// Questions ----------------------------------------------------------------------------------------------------------------

function chipAsked(of = state) {
  return { chip: of.chip, chip_text: of.chip_text, settings: of.settings };
}

/** One network on one chip. */
function point(of = state) {
  const usual = chip && chip.precisions.length && !chip.precisions.includes("int8") ? chip.precisions[0] : null;
  return { ...chipAsked(of), network: of.network, params: of.params, batch: of.batch, precision: of.precision || usual };
}

function asked(show, of = state) {
  return { ...point(of), beside: of.beside, show };
}

function fault(lines) {
  at("faults").textContent = lines.join("\n");
  at("faults").hidden = !lines.length;
  at("answer").classList.toggle("stale", lines.length > 0);
}

function failed(error) {
  if (error.name === "AbortError") return;
  fault(error.lines ?? [String(error.message)]);
}

let moved = 0; // when the control that is waited for moved; 0: none is
let flying = null; // the round of questions that is under way
let waiting = false; // whether another is to follow it
let slow = null; // the questions that take longer
let rest = 0;

/** Ask anew: what is quick at once, the rest after a rest. */
function follow() {
  clearTimeout(rest);
  slow?.abort();
  for (const name of ORDER) if (!QUICK.includes(name) && !LONG.includes(name)) place(name).classList.add("stale");
  at("sentence").classList.add("stale");
  if (flying) {
    waiting = true;
    if (performance.now() - flying.since > OLD_MS) flying.stop.abort();
    return;
  }
  round();
}

function told(what, from) {
  if (from) requestAnimationFrame(() => performance.measure(what, { start: from, end: performance.now() })); // with its frame
}

let next = null; // the state after one more step of the slider that moved last

/** Have what follows a slider ready for a state, and then what takes longer. */
function prepare(of) {
  for (const show of [QUICK, BINDING]) foresee("api/run", { ...asked(show, of), ahead: true });
}

/** Headline, roofline, waterfall, bill and layers, both asked for at once: the server answers one after the other. */
async function round() {
  const own = { stop: new AbortController(), since: performance.now() };
  const from = moved;
  flying = own;
  waiting = false;
  const answer = (show) => ask("api/run", asked(show), own.stop.signal).then((found) => found.json());
  const ready = foreseen("api/run", { ...asked(QUICK), ahead: true });
  const fresh = async (show) => (await ready) ?? answer(show);
  try {
    await Promise.all([
      fresh([]).then((head) => {
        fault([]);
        tiles(head);
        told("slider to numbers", from);
      }),
      fresh(QUICK).then((more) => show(more, own.stop.signal, QUICK)).then(() => told("slider to pictures", from)),
    ]);
  } catch (error) {
    if (!waiting) failed(error);
  } finally {
    flying = null;
    if (waiting) round();
    else {
      clearTimeout(rest);
      rest = setTimeout(further, Math.max(0, moved + REST_MS - performance.now()));
    }
  }
}

/** What takes longer: what binds, then chips beside it and the SRAM over time. */
async function further() {
  const own = new AbortController();
  const from = moved;
  slow = own;
  try {
    const ready = await foreseen("api/run", { ...asked(BINDING), ahead: true });
    if (own.signal.aborted) return;
    const first = ready ?? await (await ask("api/run", asked(BINDING), own.signal)).json();
    at("sentence").textContent = first.sentence;
    at("sentence").classList.remove("stale");
    document.title = `${first.sentence} - Rooftile`;
    await show(first, own.signal, BINDING);
    told("slider to gains", from);
    if (next) prepare(next);
    await show(await (await ask("api/run", asked(THEN), own.signal)).json(), own.signal, THEN);
    if (!own.signal.aborted) empties("changes");
  } catch (error) {
    failed(error);
  } finally {
    if (slow === own) slow = null;
    if (!own.signal.aborted) document.body.dataset.settled = String(Number(document.body.dataset.settled ?? 0) + 1);
  }
}

/** Try each step of the chip, until somebody stops it or moves a slider. */
async function changes() {
  const own = new AbortController();
  slow?.abort();
  slow = own;
  const stop = make("button", { type: "button" }, "Stop");
  stop.addEventListener("click", () => own.abort());
  at("changes").disabled = true;
  const begun = performance.now();
  const said = make("span", {}, "Trying each step of the chip... ");
  const ticking = setInterval(() => { said.textContent = `Trying each step of the chip, ${Math.round((performance.now() - begun) / 1000)} s... `; }, 1000);
  place("changes").classList.remove("stale");
  clear(place("changes"), make("p", {}, said, stop));
  try {
    await show(await (await ask("api/run", asked(["changes"]), own.signal)).json(), own.signal, ["changes"]);
    place("changes").scrollIntoView({ block: "nearest" });
  } catch (error) {
    empties("changes");
    failed(error);
  } finally {
    clearInterval(ticking);
    at("changes").disabled = false;
  }
}

// Answers ------------------------------------------------------------------------------------------------------------------

function place(name) {
  return at(`section-${name}`);
}

function empties(name) {
  clear(place(name));
  place(name).classList.remove("stale");
}

function tiles(answer) {
  const old = new Map([...at("tiles").children].map((tile) => [tile.dataset.tile, tile]));
  at("tiles").replaceChildren(...answer.tiles.map((tile) => {
    const made = old.get(tile.name) ?? make("div", {}, make("dt", {}, tile.name), make("dd"));
    made.dataset.tile = tile.name;
    made.lastChild.textContent = tile.words;
    return made;
  }));
  at("notes").replaceChildren(...answer.notes.map((note) => make("li", {}, note)));
}

async function show(answer, signal, names) {
  await Promise.all(names.map(async (name) => {
    if (signal.aborted) return;
    const section = answer.sections.find((each) => each.name === name);
    if (section) await draw(place(name), section);
    else clear(place(name));
    place(name).classList.remove("stale");
  }));
}

// Controls -----------------------------------------------------------------------------------------------------------------

/** put: what is asked with another value. */
function slider(one, value, put) {
  const stops = [...new Set([...one.stops, value])].sort((a, b) => a - b);
  const id = `slider-${one.key}`;
  const said = make("output", {}, String(value));
  const bar = make("input", { type: "range", id, min: 0, max: stops.length - 1, step: 1 });
  let before = stops.indexOf(value);
  const step = (from, to) => (stops[2 * to - from] === undefined ? null : put(state, stops[2 * to - from]));
  bar.value = before;
  bar.setAttribute("aria-valuetext", String(value));
  bar.addEventListener("input", () => {
    const now = stops[Number(bar.value)];
    said.textContent = String(now);
    bar.setAttribute("aria-valuetext", String(now));
    moved = performance.now();
    next = step(before, Number(bar.value));
    before = Number(bar.value);
    Object.assign(state, put(state, now)); // the same one: what is being loaded for it still counts
    follow();
  });
  bar.addEventListener("change", keep);
  for (const touched of ["focus", "pointerenter"]) {
    bar.addEventListener(touched, () => [before - 1, before + 1].filter((one) => one in stops).forEach((one) => prepare(put(state, stops[one]))));
  }
  const label = make("label", {}, said, one.label);
  label.htmlFor = id;
  return [label, bar];
}

/** A list of words of a chip (settings) or of a network (params): asked as one step, since other controls may come or go with it. */
function choice(one, where) {
  const id = `choice-${one.key}`;
  const list = make("select", { id });
  choose(list, one.options.map((each) => [each.name, each.title]), state[where][one.key] ?? one.value, one.value);
  list.addEventListener("change", () => {
    moved = performance.now();
    set({ [where]: { ...state[where], [one.key]: list.value } });
  });
  const label = make("label", {}, one.label);
  label.htmlFor = id;
  return [label, list];
}

function option(value, words) {
  return make("option", { value }, words);
}

/** A list with its choice; what is chosen is put first where the list has it not. */
function choose(select, entries, value, words) {
  const known = entries.some(([name]) => name === value);
  select.replaceChildren(...(known ? [] : [option(value, words)]), ...entries.map(([name, title]) => option(name, title)));
  select.value = value;
}

function controls() {
  const chips = library.chips.map((one) => [one.name, one.title]);
  choose(at("network"), library.networks.map((one) => [one.name, one.title]), state.network, network?.title ?? state.network);
  choose(at("chip"), chips, state.chip_text === null ? state.chip : "", chip ? `${chip.title} (file)` : "file");
  choose(at("beside-add"), [["", "choose..."], ...chips], "", "");
  at("beside").replaceChildren(...state.beside.map((name) => {
    const away = make("button", { type: "button", ariaLabel: `take ${name} away` }, "×");
    away.addEventListener("click", () => set({ beside: state.beside.filter((one) => one !== name) }));
    return make("li", {}, name, away);
  }));
  choose(at("precision"), [["", "as the network"], ...(chip?.precisions ?? []).map((one) => [one, one])], state.precision, state.precision);
  at("network-sliders").replaceChildren(...(network?.sliders ?? []).flatMap((one) =>
    slider(one, state.params[one.key] ?? one.value, (of, value) => ({ ...of, params: { ...of.params, [one.key]: value } }))));
  at("chip-choices").replaceChildren(...(chip?.choices ?? []).flatMap((one) => choice(one, "settings")));
  at("network-choices").replaceChildren(...(network?.choices ?? []).flatMap((one) => choice(one, "params")));
  at("chip-sliders").replaceChildren(...(chip?.sliders ?? []).flatMap((one) =>
    slider(one, state.settings[one.key] ?? one.value, (of, value) => ({ ...of, settings: { ...of.settings, [one.key]: value } }))));
  offer(library, chip?.sliders ?? []);
  at("run-sliders").replaceChildren(...slider({ key: "batch", label: "batch", stops: BATCHES }, state.batch, (of, batch) => ({ ...of, batch })));
}

/** Load what the controls need for what is asked, then ask it. */
async function load() {
  fault([]);
  const wanted = state;
  try {
    const [nextChip, nextNetwork] = await Promise.all([
      ask("api/chip", chipAsked()).then((answer) => answer.json()),
      ask("api/network", { network: state.network, params: state.network.startsWith("file:") ? state.params : {} }).then((answer) => answer.json()),
    ]);
    if (wanted !== state) return;
    [chip, network] = [nextChip, nextNetwork];
    at("chip-text").value = state.chip_text ?? chip.text;
    controls();
    follow();
  } catch (error) {
    if (wanted !== state) return;
    controls();
    failed(error);
  }
}

/** Ask something else, as one step. */
function set(changed) {
  state = { ...state, ...changed };
  keep();
  return load();
}

/** Take a chip file if it is one; else say what is wrong with it, and stay. */
async function takeChip(text) {
  try {
    await ask("api/chip", { chip_text: text });
    await set({ chip_text: text, settings: {}, precision: "" });
  } catch (error) {
    failed(error);
  }
}

/** What is in the field of open sizes, as parameters: name=value, blanks between them. */
function sizes() {
  return Object.fromEntries(at("network-sizes").value.split(/\s+/).filter(Boolean).map((word) => {
    const [name, ...value] = word.split("=");
    return [name, valued(value.join("="))];
  }));
}

async function takeNetwork(file) {
  taken = file;
  at("sentence").textContent = `Reading ${file.name}...`;
  try {
    const answer = await fetch(`api/upload?${new URLSearchParams({ name: file.name, sizes: at("network-sizes").value })}`, {
      method: "POST", headers: { "content-type": "application/octet-stream" }, body: file,
    });
    const told = await answer.json();
    if (!answer.ok) throw Object.assign(new Error("refused"), { lines: told.errors });
    await set({ network: told.network, params: sizes() });
  } catch (error) {
    at("sentence").textContent = "This file could not be read";
    failed(error);
  }
}

function save(name, content) {
  const link = make("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const FILES = { // what a file is called, and who makes it
  report: ["rooftile.html", "api/report"], json: ["rooftile.json", "api/json"], csv: ["layers.csv", "api/csv"],
  svg: ["rooftile.svg", "api/picture?kind=svg"], png: ["rooftile.png", "api/picture?kind=png"],
};

async function download(button) {
  const kind = button.dataset.download;
  button.disabled = true;
  try {
    if (kind === "yaml") save("chip.yaml", new Blob([(await (await ask("api/chip", chipAsked())).json()).text], { type: "application/yaml" }));
    else save(FILES[kind][0], await (await ask(FILES[kind][1], asked([]))).blob());
  } catch (error) {
    failed(error);
  } finally {
    button.disabled = false;
  }
}

async function begin() {
  at("sections").replaceChildren(...ORDER.map((name) => make("section", { id: `section-${name}` })));
  at("network").addEventListener("change", (event) => set({ network: event.target.value, params: {} }));
  at("chip").addEventListener("change", (event) => set({ chip: event.target.value, chip_text: null, settings: {}, precision: "" }));
  at("precision").addEventListener("change", (event) => set({ precision: event.target.value }));
  at("beside-add").addEventListener("change", (event) => {
    const name = event.target.value;
    if (name && !state.beside.includes(name)) set({ beside: [...state.beside, name].slice(-6) });
  });
  at("network-file").addEventListener("change", (event) => event.target.files[0] && takeNetwork(event.target.files[0]));
  at("network-sizes").addEventListener("change", () => taken && takeNetwork(taken));
  at("chip-file").addEventListener("change", async (event) => event.target.files[0] && takeChip(await event.target.files[0].text()));
  at("chip-apply").addEventListener("click", () => takeChip(at("chip-text").value));
  at("reset").addEventListener("click", () => set({ settings: {}, params: state.network.startsWith("file:") ? sizes() : {}, batch: 1 }));
  at("changes").addEventListener("click", changes);
  works(place, point, ask, failed);
  at("undo").addEventListener("click", () => history.back());
  at("asked").addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => download(button));
  }
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    const file = event.dataTransfer.files[0];
    if (!file) return;
    if (/\.ya?ml$/i.test(file.name)) takeChip(await file.text());
    else takeNetwork(file);
  });
  at("undo").disabled = !history.state?.steps;
  window.addEventListener("popstate", () => {
    at("undo").disabled = !history.state?.steps;
    read();
    load();
  });
  read();
  if (!location.hash) history.replaceState(null, "", address());
  await Promise.all([load(), fetch("api/library").then((answer) => answer.json()).then((found) => {
    library = found;
    at("network-file").accept = library.files.join(",");
    controls();
  })]).catch(failed);
}

begin();
