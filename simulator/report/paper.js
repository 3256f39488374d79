// Draws the pictures of the page, has its tables fit, and has the keyboard reach those that are wider than it. Nothing is fetched.
"use strict";

const refuse = () => Promise.reject(new Error("a report fetches nothing"));
const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

for (const source of document.querySelectorAll("script[data-chart]")) {
  const place = document.getElementById(source.dataset.chart);
  const options = { renderer: "svg", actions: false, loader: loader, config: { background: null } };
  const draw = async (chart) => (await window.vegaEmbed(place, chart, options)).view;
  window.drawFitted(place, JSON.parse(source.textContent), draw);
}

const wide = [...document.querySelectorAll(".wide")];

function reach() {
  window.fitTables(wide);
  wide.forEach((place, number) => {
    const words = place.querySelector("caption")?.textContent ?? `table ${number + 1}`;
    const asked = place.scrollWidth > place.clientWidth;
    for (const [name, value] of [["tabindex", 0], ["role", "region"], ["aria-label", words]]) {
      if (asked) place.setAttribute(name, value);
      else place.removeAttribute(name);
    }
  });
}

window.addEventListener("resize", reach);
reach();
