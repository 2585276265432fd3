// Asks a server through Anthropic's own library for Node.
import Anthropic from "@anthropic-ai/sdk";
import { BASE, DOOR, KEY, LONG, MODEL, PLACE, QUESTION, SCHEMA, SHAPED, TERSE, TOO_LONG, breakOff, check, drain, fits, padded, paris, refused, that, throws } from "./checks.mjs";

const client = (how) => new Anthropic({ baseURL: BASE, apiKey: null, authToken: null, maxRetries: 0, timeout: 120000, ...how });
let c = client({ apiKey: KEY });
const request = (text = QUESTION, more = {}) => ({ model: MODEL, system: TERSE, messages: [{ role: "user", content: text }], max_tokens: 40, temperature: 0, ...more });
const ask = (text, more) => c.messages.create(request(text, more));
const weather = "What is the weather in Paris?";
const tools = [{ name: "weather", description: "The weather of a city.", input_schema: PLACE }];
const forced = { tools, tool_choice: { type: "any" }, max_tokens: 100 };

function called(a) {
  const call = a.content.find((b) => b.type === "tool_use");
  that(call?.name === "weather" && typeof call.input.city === "string" && a.stop_reason === "tool_use", a);
}

async function whole() {
  const a = await ask();
  paris(a.content[0].text);
  that(a.type === "message" && a.stop_reason === "end_turn" && a.usage.input_tokens > 0 && a.usage.output_tokens > 0 && a.model === MODEL, a);
}

await check("messages", whole);
await check("messages, streamed", async () => {
  const pieces = [];
  const stream = c.messages.stream(request()).on("text", (text) => pieces.push(text));
  const end = await stream.finalMessage();
  paris(pieces.join(""));
  that(pieces.length > (SHAPED ? 0 : 1) && end.stop_reason === "end_turn" && end.usage.output_tokens > 0, end);
});
await check("tools, called and answered", async () => {
  const a = await ask(weather, forced);
  called(a);
  const calls = a.content.filter((b) => b.type === "tool_use"); // there may be several
  const messages = [
    { role: "user", content: weather },
    { role: "assistant", content: a.content },
    { role: "user", content: calls.map((b) => ({ type: "tool_result", tool_use_id: b.id, content: "sunny" })) },
  ];
  that((await ask("", { messages, tools })).content.length > 0);
});
await check("tools, streamed", async () => called(await c.messages.stream(request(weather, forced)).finalMessage()));
await check("JSON schema", async () => {
  const a = await ask("Is Paris a big city?", { max_tokens: 100, output_config: { format: { type: "json_schema", schema: SCHEMA } } });
  fits(a.content[0].text);
});
await check("count_tokens", async () => {
  const count = async (content) => (await c.messages.countTokens({ model: MODEL, messages: [{ role: "user", content }] })).input_tokens;
  const [n, more] = [await count(QUESTION), await count(QUESTION + QUESTION)];
  that(n > 0 && n < more, [n, more]);
});
await check("models", async () => {
  that((await drain(c.models.list())).some((m) => m.id === MODEL));
  that((await c.models.retrieve(MODEL)).id === MODEL);
});
if (SHAPED) {
  const usual = c;
  await check("questions of one size", () => padded(async (fetch) => {
    c = client({ apiKey: KEY, fetch });
    await whole();
    await drain(ask(QUESTION, { stream: true }));
  }));
  c = usual;
}
async function both(kind, text, more, streamed) {
  await throws(() => ask(text, more), kind);
  await throws(() => drain(ask(text, { ...more, stream: true })), streamed || kind);
}
if (DOOR === "key") {
  c = client({ authToken: KEY });
  await check("messages, as a bearer token", whole);
  c = client({ apiKey: "abt_wrong" });
  await check("error: wrong key", () => both("AuthenticationError"));
  c = client({ apiKey: KEY });
}
await check("error: unknown model", () => both("NotFoundError", QUESTION, { model: "no-such-model" }));
await check("error: too long", () => both("BadRequestError", TOO_LONG, {}, SHAPED && "APIError"));
await check("error in the middle of a stream", () => throws(() => breakOff(ask(LONG + "anthropic node " + DOOR, { stream: true, max_tokens: 900 })), "APIError"));
await refused("batches", () => c.messages.batches.list(), "NotFoundError");
