// Asks the server, also for what somebody may want next.

const MOST_AHEAD = 12; // answers that wait for a slider to come
const ahead = new Map(); // what was asked -> the answer that is under way or there

export async function ask(path, asked, signal) {
  const answer = await fetch(path, {
    method: "POST", signal, headers: { "content-type": "application/json" }, body: JSON.stringify(asked),
  });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw Object.assign(new Error("refused"), { lines: told.errors ?? [`the server answered ${answer.status}`] });
}

const keyed = (path, asked) => `${path} ${JSON.stringify(asked)}`;

/** Have an answer ready; what fails is asked again when it is needed. */
export function foresee(path, asked) {
  const key = keyed(path, asked);
  if (ahead.has(key)) return;
  if (ahead.size >= MOST_AHEAD) ahead.delete(ahead.keys().next().value);
  ahead.set(key, ask(path, asked).then((found) => found.json()).catch(() => { ahead.delete(key); return null; }));
}

/** The answer that was asked for before; null where none was. */
export async function foreseen(path, asked) {
  return (await ahead.get(keyed(path, asked))) ?? null;
}
