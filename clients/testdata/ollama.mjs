// Asks a server through Ollama's own library for Node.
import { Ollama } from "ollama";
import { BASE, DOOR, EMBEDDER, KEY, LONG, MODEL, PLACE, QUESTION, SCHEMA, SHAPED, TERSE, TOO_LONG, breakOff, check, drain, fits, near, padded, paris, refused, that, throws } from "./checks.mjs";

const client = (key, more = {}) => new Ollama({ ...more, host: BASE, headers: DOOR === "key" ? { Authorization: "Bearer " + key } : {} });
let c = client(KEY);
const options = { temperature: 0, num_predict: 40 };
const chat = (text = QUESTION, more = {}) =>
  c.chat({
    model: MODEL,
    messages: [
      { role: "system", content: TERSE },
      { role: "user", content: text },
    ],
    options,
    ...more,
  });
const weather = "What is the weather in Paris?";
const tools = [{ type: "function", function: { name: "weather", description: "The weather of a city.", parameters: PLACE } }];

await check("chat", async () => {
  const a = await chat();
  paris(a.message.content);
  that(a.model === MODEL && a.done && a.done_reason === "stop" && a.eval_count > 0, a);
});
await check("chat, streamed", async () => {
  const pieces = await drain(chat(QUESTION, { stream: true }));
  paris(pieces.map((p) => p.message.content).join(""));
  that(pieces.length > 2 && pieces.at(-1).done && pieces.at(-1).eval_count > 0, pieces.length);
});
await check("generate", async () => {
  const ask = { model: MODEL, prompt: QUESTION, system: TERSE, options };
  paris((await c.generate(ask)).response);
  paris((await drain(c.generate({ ...ask, stream: true }))).map((p) => p.response).join(""));
});
await check("generate, raw", async () => {
  paris((await c.generate({ model: MODEL, prompt: "The capital of France is", raw: true, options: { temperature: 0, num_predict: 5 } })).response);
});
await check("tools, offered and answered", async () => {
  // This dialect cannot force a call: an answer is a call or a text, and both are right.
  const enough = { tools, options: { temperature: 0, num_predict: 200 } };
  const answered = (a) => that(a.message.content || a.message.tool_calls || a.done_reason === "length", a);
  answered(await chat(weather, enough));
  const messages = [
    { role: "user", content: weather },
    { role: "assistant", content: "", tool_calls: [{ function: { name: "weather", arguments: { city: "Paris" } } }] },
    { role: "tool", tool_name: "weather", content: "sunny" },
  ];
  answered(await chat("", { messages, ...enough }));
  that((await drain(chat(weather, { tools, stream: true }))).at(-1).done);
});
await check("JSON schema", async () => fits((await chat("Is Paris a big city?", { format: SCHEMA, options: { temperature: 0, num_predict: 100 } })).message.content));
await check("log probabilities", async () => {
  const [first] = (await chat(QUESTION, { logprobs: true, top_logprobs: 2 })).logprobs;
  that(first.token && first.logprob <= 0 && first.top_logprobs.length === 2, first);
});
await check("embed, embeddings", async () => {
  near((await c.embed({ model: EMBEDDER, input: ["a cat", "a kitten", "the stock market"] })).embeddings);
  that((await c.embeddings({ model: EMBEDDER, prompt: "a cat" })).embedding.length === 384);
});
await check("list, show, ps", async () => {
  that((await c.list()).models.some((m) => m.model.startsWith(MODEL)));
  const shown = await c.show({ model: MODEL });
  that(shown.details.family === "llama" && shown.capabilities.includes("completion"), shown);
  that((await c.ps()).models.some((m) => m.model.startsWith(MODEL)));
});
await check("version", async () => that(/^\d+\.\d+\.\d+/.test((await c.version()).version)));
if (SHAPED) {
  const usual = c;
  await check("questions of one size", () => padded(async (fetch) => {
    c = client(KEY, { fetch });
    paris((await chat()).message.content);
    await drain(chat(QUESTION, { stream: true }));
  }));
  c = usual;
}
async function both(words, text, more, streamed) {
  await throws(() => chat(text, more), "ResponseError", words);
  await throws(() => drain(chat(text, { ...more, stream: true })), streamed || "ResponseError", words);
}
if (DOOR === "key") {
  c = client("abt_wrong");
  await check("error: wrong key", () => both("key"));
  c = client(KEY);
}
await check("error: unknown model", () => both("no-such-model", QUESTION, { model: "no-such-model" }));
await check("error: too long", () => both("tokens", TOO_LONG, {}, SHAPED && "Error"));
await check("error in the middle of a stream", () => throws(() => breakOff(chat(LONG + "ollama node " + DOOR, { stream: true, options: { temperature: 0, num_predict: 900 } })), "Error"));
await refused("pull", () => c.pull({ model: "llama3" }), "ResponseError", "abaton pull");
await refused("create", () => c.create({ model: "mine", from: MODEL }), "ResponseError", "abaton pull");
await refused("push", () => c.push({ model: MODEL }), "ResponseError", "abaton models");
await refused("copy", () => c.copy({ source: MODEL, destination: "mine" }), "ResponseError", "abaton models");
await refused("delete", () => c.delete({ model: MODEL }), "ResponseError", "abaton models rm");
