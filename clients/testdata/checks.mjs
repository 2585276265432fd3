// What scripts have in common: checks, each of which says one line of JSON.
import { get } from "node:http";
import { padding } from "./padded.mjs";

export const { BASE, KEY, DOOR, MODEL, EMBEDDER, BREAKER } = process.env;
export const SHAPED = process.env.SHAPED === "yes"; // then several words may be one piece, and failures of the engine come in the stream
export const TERSE = "Answer the question truthfully and in few words."; // the model is very small
export const QUESTION = "What is the capital of France?";
export const LONG = "Tell me a very long story about a lighthouse, a storm and a ship, with many chapters. ";
export const TOO_LONG = "word ".repeat(60000);
export const PLACE = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, big: { type: "boolean" } },
  required: ["city", "big"],
  additionalProperties: false,
};

// check runs act; what it throws is why the check failed.
export async function check(name, act, outcome = "pass") {
  if (DOOR !== "key" && !process.env.BRIEF.split("|").includes(name)) return;
  try {
    await act();
  } catch (e) {
    console.error(e);
    outcome = `${e.constructor.name}: ${e.message}`.slice(0, 300);
  }
  console.log(JSON.stringify({ check: name, outcome }));
}

// refused checks that act is refused on purpose, in a sentence that holds words.
export const refused = (name, act, kind, words) => check(name, () => throws(act, kind, words), "refused");

export async function throws(act, kind, words = "") {
  try {
    await act();
  } catch (e) {
    if (e.constructor.name !== kind) throw new Error(`${e.constructor.name} was thrown, not ${kind}: ${e.message}`);
    if (!e.message.includes(words)) throw new Error(`"${words}" is not in "${e.message}"`);
    return e;
  }
  throw new Error(`no ${kind} was thrown`);
}

export function that(holds, value) {
  if (!holds) throw new Error(`it is ${JSON.stringify(value)}`);
}

export const paris = (text) => that(text.includes("Paris"), text);

export function fits(text) {
  const value = JSON.parse(text);
  that(Object.keys(value).length === 2 && typeof value.city === "string" && typeof value.big === "boolean", text);
}

export function near([x, y, z]) {
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  that(x.length === 384 && dot(x, y) > dot(x, z), x.length);
}

export async function drain(promise) {
  const all = [];
  for await (const one of await promise) all.push(one);
  return all;
}

// padded checks that a question which was asked by a padding fetch was taken for padded.
export async function padded(ask) {
  const shapes = [];
  await ask(async (url, o) => {
    const response = await padding(url, o);
    shapes.push(response.headers.get("X-Abaton-Shape"));
    return response;
  });
  that(shapes.length > 0 && shapes.every((shape) => shape?.endsWith("; upload=padded")), shapes);
}

// worded tells whether a piece of a stream, of any dialect, has text.
const worded = (p) => [p.choices?.[0]?.delta?.content, p.delta?.text, p.message?.content].some((text) => typeof text === "string" && text);

// breakOff takes the engine's process away after the first piece with text, and reads on.
export async function breakOff(promise) {
  let broken = false;
  for await (const piece of await promise) {
    if (!broken && worded(piece)) {
      await new Promise((done, fail) => get(BREAKER, (r) => r.resume().on("end", done)).on("error", fail));
      broken = true;
    }
  }
}
