// Questions over many chips: submitted, polled until they end, cancelled. What they answer is a section of the page.
import { clear, draw, make } from "./draw.js";

const EVERY_MS = 300; // between two looks at how far a question is

const at = (id) => document.getElementById(id);
const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
let running = null; // the ticket of the question under way

function seconds(value) {
  return value === null ? "" : `, ${Math.ceil(value)} s left`;
}

/** What is typed beside the question: which order, which keys. */
function more(question) {
  if (question === "ranking") return { by: at("ranking-by").value };
  if (question === "map") return {};
  const vary = { [at("sweep-x").value]: at("sweep-xs").value, [at("sweep-y").value]: at("sweep-ys").value };
  if (Object.keys(vary).length < 2) throw Object.assign(new Error("two keys"), { lines: ["vary: must be two keys"] });
  return { by: at("sweep-by").value, vary };
}

/** Ask one question, show how far it is, draw its answer in a place of the page. */
async function answer(question, place, asked, ask) {
  const body = async (path, data) => (await ask(path, data)).json();
  let told = await body("api/work", { work: { ...asked, question, ...more(question) } });
  running = told.ticket;
  const bar = make("progress", { max: 1, ariaLabel: "done" });
  const said = make("span", {}, "...");
  const stop = make("button", { type: "button" }, "Cancel");
  stop.addEventListener("click", () => { stop.disabled = true; ask("api/cancel", { ticket: running }); });
  at("working").replaceChildren(bar, said, stop);
  while (["waiting", "working"].includes((told = await body("api/poll", { ticket: running })).state)) {
    if (told.share === null) bar.removeAttribute("value");
    else bar.value = told.share;
    said.textContent = ` ${told.doing}, ${Math.round(told.elapsed_s)} s${seconds(told.left_s)} `;
    await wait(EVERY_MS);
  }
  if (told.state === "failed") throw Object.assign(new Error("failed"), { lines: told.errors });
  if (told.state !== "done") return;
  clear(place);
  await draw(place, told.answer);
  place.scrollIntoView({ block: "start" });
}

/** Have the buttons ask. asked: what is asked about now; failed: told of what went wrong. */
export function works(place, asked, ask, failed) {
  const buttons = [...document.querySelectorAll("[data-work]")];
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      for (const each of buttons) each.disabled = true;
      try {
        await answer(button.dataset.work, place(button.dataset.work), asked(), ask);
      } catch (error) {
        failed(error);
      } finally {
        running = null;
        at("working").replaceChildren();
        for (const each of buttons) each.disabled = false;
      }
    });
  }
  for (const axis of ["x", "y"]) {
    at(`sweep-${axis}`).addEventListener("change", (event) => { at(`sweep-${axis}s`).value = event.target.selectedOptions[0].dataset.around; });
  }
  window.addEventListener("pagehide", () => {
    const headers = { "content-type": "application/json" };
    if (running) fetch("api/cancel", { method: "POST", keepalive: true, headers, body: JSON.stringify({ ticket: running }) });
  });
}

/** Lists of what can be ranked by, varied and shown, as the library and the chip have them. */
export function offer(library, sliders) {
  const fill = (id, options, usual) => {
    const before = at(id).value;
    at(id).replaceChildren(...options);
    const known = options.some((one) => one.value === before);
    at(id).value = known ? before : usual ?? options[0]?.value ?? "";
    if (!known && options.length) at(id).dispatchEvent(new Event("change"));
  };
  const named = (one) => make("option", { value: one.name }, one.title);
  fill("ranking-by", library.orders.map(named));
  fill("sweep-by", library.columns.map(named), "throughput_per_usd");
  const key = (one) => {
    const made = make("option", { value: one.key }, one.label);
    made.dataset.around = one.around;
    return made;
  };
  fill("sweep-x", sliders.map(key), "sram.capacity_mib");
  fill("sweep-y", sliders.map(key), "clock_mhz");
}
