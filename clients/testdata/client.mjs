// Asks a running server through the official Node library and reports what it saw as JSON.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const { BASE_URL, TOKEN, MODEL, INSTRUCTION, QUESTION } = process.env;
const client = (apiKey) => new OpenAI({ baseURL: BASE_URL, apiKey, maxRetries: 0 });
const request = (more = {}) => ({
  model: MODEL,
  messages: [
    { role: "system", content: INSTRUCTION },
    { role: "user", content: QUESTION },
  ],
  temperature: 0,
  max_tokens: 40,
  ...more,
});

async function raised(act) {
  try {
    await act();
  } catch (e) {
    return e.constructor.name;
  }
  return "nothing";
}

async function drain(promise) {
  const chunks = [];
  for await (const chunk of await promise) chunks.push(chunk);
  return chunks;
}

const c = client(TOKEN);
const { version } = JSON.parse(readFileSync(new URL("node_modules/openai/package.json", import.meta.url)));
const seen = { version, errors: {}, models: [] };
seen.answer = (await c.chat.completions.create(request())).choices[0].message.content;
const chunks = await drain(c.chat.completions.create(request({ stream: true, stream_options: { include_usage: true } })));
const texts = chunks.map((x) => x.choices[0]?.delta?.content).filter(Boolean);
seen.streamed = texts.join("");
seen.pieces = texts.length;
seen.usage = chunks.findLast((x) => x.usage)?.usage.completion_tokens ?? 0;
for await (const m of c.models.list()) seen.models.push(m.id);

const cases = {
  "wrong token": [client("abt_wrong"), request()],
  "unknown model": [c, request({ model: "no-such-model" })],
  "too long": [c, request({ messages: [{ role: "user", content: "word ".repeat(60000) }] })],
};
for (const [name, [who, what]] of Object.entries(cases)) {
  seen.errors[name] = await raised(() => who.chat.completions.create(what));
  seen.errors[`${name} streamed`] = await raised(() => drain(who.chat.completions.create({ ...what, stream: true })));
}
console.log(JSON.stringify(seen));
