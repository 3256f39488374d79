// Shows sections of a report: texts, tables whose rows open and whose headings sort, and pictures. Everything is text, never HTML.
// What is shown already takes its new words and numbers; only what has another form is made anew.

const refuse = () => Promise.reject(new Error("the page fetches no data for pictures"));
const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };
const shown = new WeakMap(); // place -> its heading and parts
const drawings = new Map(); // element of a picture -> the picture

/** An element with its content: texts or elements. */
export function make(tag, options = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...content);
  return made;
}

/** Have an element say some words; what stands between backticks is typed as it is. */
function say(node, words) {
  const parts = words.split("`");
  if (parts.length % 2 === 0 || parts.length === 1) {
    if (node.textContent !== words) node.textContent = words;
  } else if (node.textContent !== parts.join("")) {
    node.replaceChildren(...parts.map((part, at) => (at % 2 ? make("code", {}, part) : part)));
  }
}

// Pictures ---------------------------------------------------------------------------------------------------------------

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const drawing = drawings.get(entry.target);
    if (!drawing) continue;
    drawing.visible = entry.isIntersecting;
    if (drawing.visible) drawing.catchUp();
  }
}, { rootMargin: "200px" });

window.addEventListener("beforeprint", () => {
  for (const drawing of drawings.values()) drawing.catchUp();
});

/** A chart in its form, which changes seldom, and in what follows a slider: named data and parameters. */
function taken(chart) {
  const data = new Map();
  const form = JSON.stringify(chart, (key, value) => {
    if (key === "params") return value.map((one) => one.name);
    if (key === "data" && value?.name) {
      data.set(value.name, value.values);
      return value.name;
    }
    return value;
  });
  return { form, data, params: chart.params ?? [] };
}

class Drawing {
  constructor(part) {
    this.element = make("div", { className: "chart", role: "img" });
    this.nodes = [make("figure", {}, this.element)];
    this.visible = true; // until the browser says otherwise
    this.next = part;
    this.fit = (chart) => chart; // to its place, once it is drawn
    drawings.set(this.element, this);
    seen.observe(this.element);
  }

  /** Take another chart; it is drawn when it can be seen. */
  async update(part) {
    this.next = part;
    if (this.visible || !this.view) await this.catchUp();
    return true;
  }

  /** Draw what came last, one after another. */
  catchUp() {
    this.busy = (this.busy ?? Promise.resolve()).then(() => this.show());
    return this.busy;
  }

  async show() {
    const part = this.next;
    if (!part) return;
    this.next = null;
    this.element.ariaLabel = part.words;
    const now = taken(this.fit(part.chart));
    if (this.view && this.form === now.form) await this.refill(now);
    else await this.draw(part.chart);
  }

  /** Draw without code from text: the page allows none. */
  async draw(chart) {
    this.view?.finalize();
    const options = {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false, loader,
      tooltip: { disableDefaultStyle: true }, config: { background: null },
    };
    const embed = async (fitted) => (await window.vegaEmbed(this.element, fitted, options)).view;
    const { view, fit } = await window.drawFitted(this.element, chart, embed);
    const now = taken(fit(chart));
    Object.assign(this, { view, fit, form: now.form, rows: now.data });
    this.element.dataset.drawn = Number(this.element.dataset.drawn ?? 0) + 1;
  }

  async refill(now) {
    for (const { name, value } of now.params) this.view.signal(name, value);
    for (const [name, rows] of now.data) {
      if (rows === undefined) continue;
      if (rows.length !== this.rows.get(name)?.length) this.view.resize();
      this.view.data(name, rows);
    }
    this.rows = now.data;
    await this.view.runAsync();
  }

  end() {
    seen.unobserve(this.element);
    drawings.delete(this.element);
    this.view?.finalize();
  }
}

let tables = 0; // without a caption: they are numbered for who hears the page

// Tables and texts -------------------------------------------------------------------------------------------------------

class Grid {
  constructor(part) {
    this.form = this.formOf(part);
    this.cells = part.rows.map(() => []);
    this.behind = part.behind;
    const body = make("tbody");
    part.rows.forEach((row, at) => body.append(this.row(part, row, at)));
    const head = make("tr", {}, ...part.headings.map((words, column) =>
      words ? make("th", { scope: "col", className: part.right[column] ? "number" : "" }, make("button", { type: "button" }, words))
        : make("td")));
    this.caption = make("caption", {}, part.caption);
    this.below = make("p", { className: "below" }, part.below);
    const table = make("table", {}, ...(part.caption ? [this.caption] : []),
      ...(part.headings.length ? [make("thead", {}, head)] : []), body);
    this.wide = make("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: part.caption || `table ${tables += 1}` }, table);
    this.nodes = part.below ? [this.wide, this.below] : [this.wide];
  }

  formOf(part) {
    return JSON.stringify([part.headings, part.right, part.rows.map((row) => row[0]), !part.caption, !part.below, part.behind.length]);
  }

  row(part, row, at) {
    const lines = part.behind[at] ?? [];
    const made = make("tr", {}, ...row.map((words, column) => {
      const number = part.right[column];
      if (column > 0 || number) {
        const cell = make("td", { className: number ? "number" : "" });
        say(cell, words);
        this.cells[at][column] = cell;
        return cell;
      }
      const first = make("th", { scope: "row" });
      first.dataset.sort = words;
      first.append(lines.length ? this.opened(words, at) : words);
      return first;
    }));
    // Hundreds of tips are written when one is asked for.
    if (lines.length) made.addEventListener("mouseenter", () => { made.title = this.behind[at].join("\n"); });
    return made;
  }

  opened(words, at) {
    const inside = make("p");
    const details = make("details", {}, make("summary", {}, words), inside);
    details.addEventListener("toggle", () => { inside.textContent = this.behind[at].join("\n"); });
    return details;
  }

  update(part) {
    if (this.formOf(part) !== this.form) return false;
    this.behind = part.behind;
    part.rows.forEach((row, at) => row.forEach((words, column) => {
      if (this.cells[at][column]) say(this.cells[at][column], words);
    }));
    say(this.caption, part.caption);
    say(this.below, part.below);
    for (const details of this.wide.querySelectorAll("details[open]")) details.dispatchEvent(new Event("toggle"));
    return true;
  }

  end() {}
}

class Words {
  constructor(part) {
    this.heading = part.heading;
    this.inside = make(part.heading ? "h3" : "p", { className: part.heading ? "" : "lines" });
    say(this.inside, part.text);
    this.nodes = [this.inside];
  }

  update(part) {
    say(this.inside, part.text);
    return part.heading === this.heading;
  }

  end() {}
}

function fit(place) {
  window.fitTables(place.querySelectorAll(".wide"));
}

window.addEventListener("resize", () => fit(document));

const KINDS = { chart: Drawing, table: Grid, text: Words };

/** Show a section in its place: with new words and numbers where it has the form of what is there, else anew. */
export async function draw(place, section) {
  const old = shown.get(place);
  const kinds = section.parts.map((part) => part.kind).join();
  if (old && old.heading === section.heading && old.kinds === kinds) {
    const same = await Promise.all(section.parts.map((part, at) => old.parts[at].update(part)));
    same.forEach((kept, at) => {
      if (kept) return;
      const made = new KINDS[section.parts[at].kind](section.parts[at]);
      old.parts[at].nodes[0].before(...made.nodes);
      for (const node of old.parts[at].nodes) node.remove();
      old.parts[at].end();
      old.parts[at] = made;
    });
    if (!same.every(Boolean)) fit(place);
    return;
  }
  clear(place);
  const parts = section.parts.map((part) => new KINDS[part.kind](part));
  shown.set(place, { heading: section.heading, kinds, parts });
  place.replaceChildren(make("h2", {}, section.heading), ...parts.flatMap((part) => part.nodes));
  fit(place);
  await Promise.all(parts.filter((part) => part instanceof Drawing).map((part) => part.catchUp()));
}

/** Take the content of a place away, with what drew it, and put another there. */
export function clear(place, ...content) {
  for (const part of shown.get(place)?.parts ?? []) part.end();
  shown.delete(place);
  place.replaceChildren(...content);
}
