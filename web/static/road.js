// How a page asks its server by script: by requests of its own, or, for somebody who
// wants no mark of any, over a channel.

import * as channel from "./channel.js";

export const narrow = channel.wanted;

// Keeps the channel open for as long as the page is, also while nothing is asked.
export async function keep() {
  for (let pause = 500; ; pause = Math.min(pause * 2, 8000)) {
    try {
      await channel.open();
      pause = 250;
      await channel.closed();
    } catch (e) {
      if (e.locked) return; // until something is asked
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}

// Sends what a form would, and gives { status, said }.
export async function ask(path, form, progress) {
  if (narrow) {
    const fields = Object.fromEntries(form);
    if (form.has("library")) fields.library = form.getAll("library").join(" "); // the only one with several values
    delete fields.pad; // over the channel all sizes are one
    try {
      return await channel.ask(path, fields, progress);
    } catch (e) {
      if (e.locked) return { status: 401, said: {} };
      throw e;
    }
  }
  const response = await fetch("/page/" + path, { method: "POST", body: new URLSearchParams(form), headers: { "Accept": "application/json" } });
  const json = response.headers.get("Content-Type")?.startsWith("application/json");
  return { status: response.status, said: json ? await response.json() : {} };
}

// Gives the lines of a stream as they come. The error says whether the vault has
// locked.
export async function* lines(path) {
  if (narrow) {
    yield* channel.lines(path);
    return;
  }
  const response = await fetch("/page/" + path, { headers: { "Accept": "application/x-ndjson" } });
  if (!response.ok) throw Object.assign(new Error("refused"), { locked: response.status === 401 });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const list = (rest + value).split("\n");
    rest = list.pop();
    for (const text of list) yield JSON.parse(text);
  }
}
