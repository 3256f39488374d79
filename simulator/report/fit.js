// Makes pictures and tables fit a narrow page: panels below each other, as wide as there is room, legends below, titles in lines; a
// row of a table that is too wide as a card. Reports hold this, and the live page loads it.
"use strict";

const NARROW = "(max-width: 40rem)";
const LEAST = 110; // of a panel [pixel]
const LABELS = 100; // room of the labels of an axis, at first [pixel]
const TRIES = 3;
const ABOVE = 10; // a name over its point [pixel]
const CLOSE = 6; // a picture that misses its room by less is as it should be [pixel]
const LETTER = 0.6; // width of a letter over its height
const TALLEST = 250; // a panel without rows [pixel]
const MORE = 1.5; // room of figures beside bars, over that of a wide page
const TURNED = 1.5; // height of a map whose numbers are turned, so that they fit its cells
const WORDS = 19; // letters of a line of a label
const SMALL = 9.5; // letters inside a picture [pixel]
const LONG = 22; // letters of a cell of a card that takes a line
const MANY = 15; // cards of a table that are shown before one asks for all

/** Words in lines of at most so many letters. */
function lines(words, letters) {
  const found = [];
  for (const word of String(words).split(" ")) {
    const last = found[found.length - 1];
    if (last !== undefined && last.length + word.length < letters) found[found.length - 1] = `${last} ${word}`;
    else found.push(word);
  }
  return found;
}

function folded(text, letters) {
  return [text].flat().flatMap((line) => lines(line, letters));
}

/** The names of parameters that are titles. */
function titles(part, found = new Set()) {
  if (part?.title?.text?.expr) found.add(part.title.text.expr);
  for (const each of [...(part.vconcat ?? []), ...(part.hconcat ?? []), ...(part.concat ?? []), ...(part.layer ?? [])]) titles(each, found);
  return found;
}

function title(given, letters) {
  if (typeof given === "string" || Array.isArray(given)) return folded(given, letters);
  const { limit, ...rest } = given;
  const made = { ...rest, fontSize: Math.min(given.fontSize ?? 12, 12) };
  if (made.text !== undefined && !made.text.expr) made.text = folded(made.text, letters);
  if (made.subtitle !== undefined) Object.assign(made, { subtitle: folded(made.subtitle, letters + 6), subtitleFontSize: 10 });
  return made;
}

/** A scale with figures beside its bars on both sides: with more room for them. */
function roomy(channel) {
  const [low, high] = Array.isArray(channel?.scale?.domain) ? channel.scale.domain : [0, 0];
  if (!(low < 0 && high > 0)) return channel;
  return { ...channel, scale: { ...channel.scale, domain: [low * MORE, high * MORE] } };
}

/** An axis whose labels are words: in short lines. */
function labelled(channel, upward) {
  if (!channel || !["nominal", "ordinal"].includes(channel.type) || channel.axis === null) return channel;
  const axis = { ...channel.axis, labelFontSize: SMALL };
  if (!upward) return { ...channel, axis: { ...axis, labelLimit: 90, labelAngle: 270 } };
  if (axis.labels === false) delete axis.labels;
  const cut = `regexp('(.{1,${WORDS}})(?: |$)', 'g')`;
  return { ...channel, axis: { ...axis, labelExpr: `split(trim(replace(datum.label, ${cut}, '$1\\n')), '\\n')`, labelLineHeight: 10 } };
}

/** One panel, or layers of one. */
function panel(part, plot, letters, upright = false) {
  const made = { ...part };
  if (made.title) made.title = title(made.title, letters);
  const turned = upright || (made.width > plot && [made, ...(made.layer ?? [])].some((one) => one.mark?.type === "rect"));
  if (typeof made.height === "number") made.height = turned ? made.height * TURNED : Math.min(made.height, TALLEST);
  if (typeof made.width === "number") made.width = Math.min(made.width, plot);
  if (made.encoding) made.encoding = { ...made.encoding, x: roomy(labelled(made.encoding.x, false)), y: labelled(made.encoding.y, true) };
  for (const key of Object.keys(made.encoding ?? {})) if (made.encoding[key] === undefined) delete made.encoding[key];
  if (made.mark?.type === "text") {
    made.mark = { ...made.mark, fontSize: Math.min(made.mark.fontSize ?? SMALL, SMALL), ...(turned ? { angle: 270 } : {}) };
  }
  for (const many of ["layer", "vconcat"]) {
    if (made[many]) made[many] = made[many].map((each) => panel(each, plot, letters, turned));
  }
  // Names are nearer to their points than on a wide page: above them, and points are drawn last, so that neither hides the other.
  const point = (one) => Number(one.mark?.type === "point");
  if (made.layer?.some(point)) {
    made.layer = made.layer.map((one) => (one.mark?.type === "text" ? { ...one, mark: { dy: -ABOVE, ...one.mark } } : one));
    made.layer.sort((one, other) => point(one) - point(other));
  }
  for (const beside of ["hconcat", "concat"]) {
    if (!made[beside]) continue;
    made.vconcat = made[beside].map((each) => panel(each, plot, letters));
    delete made[beside];
    delete made.columns;
  }
  return made;
}

/** A chart for so much room, its panels so wide. */
function stacked(chart, room, plot) {
  const letters = Math.floor((room - 20) / (12 * LETTER));
  const told = titles(chart);
  const made = panel(chart, plot, letters);
  if (chart.params) {
    made.params = chart.params.map((one) => (told.has(one.name) ? { ...one, value: folded(one.value, letters) } : one));
  }
  const config = chart.config ?? {};
  made.config = {
    ...config, padding: 2,
    axis: { ...config.axis, labelFontSize: SMALL, titleFontSize: 10 },
    title: { ...config.title, frame: "bounds", anchor: "start" },
    legend: { ...config.legend, orient: "bottom", columns: 2, labelFontSize: SMALL, titleFontSize: 10 },
  };
  return made;
}

/**
 * Have a chart drawn so that it fits its place. draw: draws a chart there and gives its view.
 * Gives the view, and what makes another chart of its kind fit the same place.
 */
window.drawFitted = async (place, chart, draw) => {
  const room = place.clientWidth;
  const narrow = window.matchMedia(NARROW).matches;
  let plot = room - LABELS;
  const fit = (other) => (narrow ? stacked(other, room, plot) : other);
  let view = await draw(fit(chart));
  for (let tries = 0; narrow && tries < TRIES; tries += 1) {
    const over = place.querySelector("svg").viewBox.baseVal.width - room;
    if (Math.abs(over) < CLOSE || (over > 0 && plot === LEAST)) break;
    plot = Math.max(LEAST, plot - over);
    view.finalize();
    view = await draw(fit(chart));
  }
  place.dataset.fitted = "";
  return { view, fit };
};

/** What a table is to who hears it, whatever it looks like. */
const ROLES = [["thead, tbody", "rowgroup"], ["tr", "row"], ["thead th", "columnheader"], ["tbody th", "rowheader"], ["td", "cell"]];

/** Tell each cell its heading, which a card shows beside it, and let long ones have a line. */
function label(table) {
  const headings = [...(table.tHead?.rows[0].cells ?? [])].map((cell) => cell.textContent.trim());
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, at) => {
      if (headings[at]) cell.dataset.heading = headings[at];
      cell.classList.toggle("long", !headings[at] || cell.textContent.length > LONG);
    });
  }
  table.setAttribute("role", "table");
  for (const [parts, role] of ROLES) for (const part of table.querySelectorAll(parts)) part.setAttribute("role", role);
}

/** Of many cards show the first, and a button that shows all. */
function fold(place, table) {
  const many = table.tBodies[0].rows.length;
  if (many <= MANY + 1 || place.querySelector(".all")) return;
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "all", textContent: `Show all ${many} rows` });
  button.addEventListener("click", () => {
    table.classList.remove("folded");
    table.tBodies[0].rows[MANY].cells[0].querySelector("summary")?.focus();
  });
  table.classList.add("folded");
  place.append(button);
}

/** Have each row of the tables that are wider than their places be a card, on a narrow page; and a row again on a wide one. */
window.fitTables = (places) => {
  const found = [...places].map((place) => [place, place.querySelector("table")]);
  for (const [, table] of found) table.classList.remove("cards");
  if (!window.matchMedia(NARROW).matches) return;
  const wide = found.filter(([place]) => place.scrollWidth > place.clientWidth);
  for (const [place, table] of wide) {
    label(table);
    fold(place, table);
    table.classList.add("cards");
  }
};
