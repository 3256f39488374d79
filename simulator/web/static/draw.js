// Shows sections of a report: texts, tables whose rows open and whose headings sort, and pictures. Everything is text, never HTML.

const refuse = () => Promise.reject(new Error("the page fetches no data for pictures"));
const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };
const views = new Map(); // place -> what drew it

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

/** Draw a chart without code from text: the page allows none. */
async function drawn(part, number) {
  const place = make("div", { className: "chart", role: "img", ariaLabel: part.words });
  const options = {
    renderer: "svg", actions: false, ast: true, defaultStyle: false, loader,
    tooltip: { disableDefaultStyle: true }, config: { background: null },
  };
  const view = await window.vegaEmbed(place, part.chart, options);
  views.set(place, view);
  place.dataset.chart = number;
  return make("figure", {}, place);
}

function table(part) {
  const body = make("tbody");
  part.rows.forEach((row, at) => {
    const lines = part.behind[at] ?? [];
    const cells = row.map((words, column) => {
      const number = part.right[column];
      if (column > 0 || number) return make("td", { className: number ? "number" : "" }, words);
      const first = make("th", { scope: "row" });
      first.dataset.sort = words;
      first.append(lines.length ? make("details", {}, make("summary", {}, words), make("p", {}, lines.join("\n"))) : words);
      return first;
    });
    body.append(make("tr", { title: lines.join("\n") }, ...cells));
  });
  const head = make("tr", {}, ...part.headings.map((words, column) =>
    words ? make("th", { scope: "col", className: part.right[column] ? "number" : "" }, make("button", { type: "button" }, words))
      : make("td")));
  const made = make("table", {}, ...(part.caption ? [make("caption", {}, part.caption)] : []),
    ...(part.headings.length ? [make("thead", {}, head)] : []), body);
  const wide = make("div", { className: "wide", tabIndex: 0, role: "region", ariaLabel: part.caption || "table" }, made);
  return part.below ? [wide, make("p", { className: "below" }, part.below)] : [wide];
}

function text(part) {
  if (part.heading) return make("h3", {}, part.text);
  return make("p", {}, ...part.text.split("\n").flatMap((line, at) => (at ? [make("br"), line] : [line])));
}

/** All parts of a section as elements. */
export async function parts(section) {
  const found = [make("h2", {}, section.heading)];
  for (const [number, part] of section.parts.entries()) {
    if (part.kind === "chart") found.push(await drawn(part, number));
    else if (part.kind === "table") found.push(...table(part));
    else found.push(text(part));
  }
  return found;
}

/** Take the old content of a place away, with what drew it, and put the new one there. */
export function replace(place, content) {
  for (const [chart, view] of views) {
    if (place.contains(chart)) {
      view.finalize();
      views.delete(chart);
    }
  }
  place.replaceChildren(...content);
}

/** The first picture of a place as SVG. */
export async function svg(place) {
  for (const [chart, view] of views) if (place.contains(chart)) return view.view.toSVG();
  return "";
}
