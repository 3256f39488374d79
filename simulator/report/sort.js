// Sorts a table of a page by the heading that is pressed. Reports hold this, and the live page loads it.
"use strict";

/** The number of a cell, or its words. A cell without a number comes last. */
function worth(cell) {
  const words = (cell.dataset.sort ?? cell.textContent).trim();
  const found = words.replaceAll(",", "").match(/^[-+]?\d*\.?\d+(e[-+]?\d+)?/i);
  return found ? Number(found[0]) : words;
}

function compare(one, other) {
  const numbers = [typeof one === "number", typeof other === "number"];
  if (numbers[0] && numbers[1]) return one - other;
  if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
  return one.localeCompare(other);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("thead button");
  if (!button) return;
  const heading = button.parentElement;
  const row = heading.parentElement;
  const at = [...row.children].indexOf(heading);
  const falling = heading.getAttribute("aria-sort") === "ascending";
  for (const each of row.children) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const body = row.closest("table").tBodies[0];
  const rows = [...body.rows].sort((a, b) => compare(worth(a.cells[at]), worth(b.cells[at])));
  if (falling) rows.reverse();
  body.append(...rows);
});
