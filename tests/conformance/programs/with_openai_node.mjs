// The openai SDK for Node.
import { createRequire } from "node:module";
import { ASK, BASE, BIG, IMAGE, KEY, MODEL, NAMES, SCHEMA, all, failing, looking, run } from "./scenarios.mjs";

const { OpenAI } = createRequire(process.cwd() + "/")("openai");
const client = new OpenAI({ apiKey: KEY, baseURL: BASE, timeout: 20000 });
const asked = { model: MODEL, messages: ASK };
const flat = NAMES.map((name) => ({ type: "function", name, strict: true, parameters: SCHEMA }));
const tools = NAMES.map((name) => ({ type: "function", function: { name, strict: true, parameters: SCHEMA } }));
const chat = (more) => client.chat.completions.create({ ...asked, ...more });
const chunks = async (more) => all(await chat({ stream: true, ...more }));

await run({
  plain: () => chat(),
  stream: () => chunks({ stream_options: { include_usage: true } }),
  "parallel tools": () => chat({ tools }),
  "parallel tools streamed": async () => {
    const stream = client.chat.completions.stream({ ...asked, tools });
    return stream.finalChatCompletion();
  },
  "structured output": () =>
    chat({ response_format: { type: "json_schema", json_schema: { name: "stay", schema: SCHEMA, strict: true } } }),
  logprobs: () => chunks({ logprobs: true }),
  "two choices": () => chat({ n: 2 }),
  image: () => chat({ messages: looking(IMAGE) }),
  "large body": () => chat({ messages: looking(BIG) }),
  refusal: () => chunks({ model: "gpt-4o-refuse" }),
  "error 400": () => chat({ model: failing("400") }),
  "error 429": () => chat({ model: failing("429") }),
  "error 500": () => chat({ model: failing("500") }),
  "retried twice": () => chat({ model: failing("twice-429") }),
  "error in stream": () => chunks({ model: failing("error-event") }),
  embeddings: () => client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"] }),
  models: async () => all(await client.models.list()),
  responses: () => client.responses.create({ model: MODEL, input: "Grüße" }),
  "responses streamed": async () => all(await client.responses.create({ model: MODEL, input: "Grüße", stream: true })),
  "responses tools streamed": async () =>
    all(await client.responses.create({ model: MODEL, input: "Grüße", tools: flat, stream: true })),
  cancelled: async () => {
    const stream = await chat({ model: failing("hung"), stream: true });
    for await (const first of stream) {
      stream.controller.abort();
      return first;
    }
  },
});
