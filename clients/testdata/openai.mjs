// Asks a server through OpenAI's own library for Node.
import OpenAI from "openai";
import { BASE, DOOR, EMBEDDER, KEY, LONG, MODEL, PLACE, QUESTION, SCHEMA, SHAPED, TERSE, TOO_LONG, breakOff, check, drain, fits, near, padded, paris, refused, that, throws } from "./checks.mjs";

const client = (apiKey, more = {}) => new OpenAI({ baseURL: BASE + "/v1", apiKey, maxRetries: 0, timeout: 120000, ...more });
let c = client(KEY);
const chat = (text = QUESTION, more = {}) =>
  c.chat.completions.create({
    model: MODEL,
    messages: [
      { role: "system", content: TERSE },
      { role: "user", content: text },
    ],
    temperature: 0,
    max_tokens: 40,
    ...more,
  });
const weather = "What is the weather in Paris?";
const tools = [{ type: "function", function: { name: "weather", description: "The weather of a city.", parameters: PLACE } }];
const called = (name, args) => that(name === "weather" && typeof JSON.parse(args).city === "string", [name, args]);
const answer = { model: MODEL, instructions: TERSE, input: QUESTION, temperature: 0, max_output_tokens: 40, store: false };

await check("chat", async () => {
  const a = await chat();
  paris(a.choices[0].message.content);
  that(a.model === MODEL && a.choices[0].finish_reason === "stop" && a.usage.completion_tokens > 0, a);
});
await check("chat, streamed", async () => {
  const chunks = await drain(chat(QUESTION, { stream: true, stream_options: { include_usage: true } }));
  const texts = chunks.map((x) => x.choices[0]?.delta?.content).filter(Boolean);
  paris(texts.join(""));
  that(texts.length > (SHAPED ? 0 : 1) && chunks.findLast((x) => x.usage).usage.completion_tokens > 0, texts);
});
await check("tools, called and answered", async () => {
  const message = (await chat(weather, { tools, tool_choice: "required", max_tokens: 100 })).choices[0].message;
  called(message.tool_calls[0].function.name, message.tool_calls[0].function.arguments);
  const messages = [{ role: "user", content: weather }, message, ...message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "sunny" }))];
  that((await chat("", { messages, tools, tool_choice: "none" })).choices[0].message.content);
});
await check("tools, streamed", async () => {
  const stream = c.chat.completions.stream({ model: MODEL, messages: [{ role: "user", content: weather }], tools, tool_choice: "required", temperature: 0, max_tokens: 100 });
  const whole = await stream.finalChatCompletion();
  called(whole.choices[0].message.tool_calls[0].function.name, whole.choices[0].message.tool_calls[0].function.arguments);
  that(whole.choices[0].finish_reason === "tool_calls", whole);
});
await check("JSON schema", async () => {
  const response_format = { type: "json_schema", json_schema: { name: "town", schema: SCHEMA, strict: true } };
  fits((await chat("Is Paris a big city?", { response_format, max_tokens: 100 })).choices[0].message.content);
});
await check("log probabilities", async () => {
  const [first] = (await chat(QUESTION, { logprobs: true, top_logprobs: 2 })).choices[0].logprobs.content;
  that(first.token && first.logprob <= 0 && first.top_logprobs.length === 2, first);
});
await check("completions", async () => {
  const ask = { model: MODEL, prompt: "The capital of France is", max_tokens: 5, temperature: 0 };
  paris((await c.completions.create(ask)).choices[0].text);
  paris((await drain(c.completions.create({ ...ask, stream: true }))).map((x) => x.choices[0]?.text ?? "").join(""));
});
await check("responses", async () => {
  const a = await c.responses.create(answer);
  paris(a.output_text);
  that(a.status === "completed" && a.usage.output_tokens > 0, a);
});
await check("responses, streamed", async () => {
  const events = await drain(c.responses.create({ ...answer, stream: true }));
  paris(events.filter((e) => e.type === "response.output_text.delta").map((e) => e.delta).join(""));
  that(events[0].type === "response.created" && events.at(-1).type === "response.completed", events.map((e) => e.type));
});
await check("embeddings", async () => {
  const a = await c.embeddings.create({ model: EMBEDDER, input: ["a cat", "a kitten", "the stock market"] });
  near(a.data.map((d) => d.embedding));
});
await check("models", async () => {
  that((await drain(c.models.list())).some((m) => m.id === MODEL));
  that((await c.models.retrieve(MODEL)).id === MODEL);
});
if (SHAPED) {
  const usual = c;
  await check("questions of one size", () => padded(async (fetch) => {
    c = client(KEY, { fetch });
    paris((await chat()).choices[0].message.content);
    await drain(chat(QUESTION, { stream: true }));
  }));
  c = usual;
}
async function both(kind, text, more, streamed) {
  await throws(() => chat(text, more), kind);
  await throws(() => drain(chat(text, { ...more, stream: true })), streamed || kind);
}
if (DOOR === "key") {
  c = client("abt_wrong");
  await check("error: wrong key", () => both("AuthenticationError"));
  c = client(KEY);
}
await check("error: unknown model", () => both("NotFoundError", QUESTION, { model: "no-such-model" }));
await check("error: too long", () => both("BadRequestError", TOO_LONG, {}, SHAPED && "APIError"));
await check("error in the middle of a stream", () => throws(() => breakOff(chat(LONG + "openai node " + DOOR, { stream: true, max_tokens: 900 })), "APIError"));
await refused("a model removed", () => c.models.delete(MODEL), "PermissionDeniedError", "abaton models rm");
await refused("a parameter not served", () => chat(QUESTION, { logit_bias: { 50256: -100 } }), "BadRequestError", "logit_bias");
await refused("files", () => c.files.list(), "NotFoundError");
