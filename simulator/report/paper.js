// Draws the pictures of the page. Nothing is fetched.
"use strict";

const refuse = () => Promise.reject(new Error("a report fetches nothing"));
const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

for (const source of document.querySelectorAll("script[data-chart]")) {
  const place = document.getElementById(source.dataset.chart);
  if (window.matchMedia("(max-width: 40rem)").matches) place.tabIndex = 0; // wider than the page: it must be reached to be moved
  window.vegaEmbed(place, JSON.parse(source.textContent), { renderer: "svg", actions: false, loader: loader, config: { background: null } });
}
