// Draws the pictures of the page. Nothing is fetched.
"use strict";

const refuse = () => Promise.reject(new Error("a report fetches nothing"));
const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

for (const source of document.querySelectorAll("script[data-chart]")) {
  const place = document.getElementById(source.dataset.chart);
  const options = { renderer: "svg", actions: false, loader: loader, config: { background: null } };
  const draw = async (chart) => (await window.vegaEmbed(place, chart, options)).view;
  window.drawFitted(place, JSON.parse(source.textContent), draw);
}
