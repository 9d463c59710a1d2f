// The Vercel AI SDK with its OpenAI provider: responses by default, chat where asked.
import { createRequire } from "node:module";
import { ASK, BASE, BIG, IMAGE, KEY, MODEL, NAMES, all, failing, run } from "./scenarios.mjs";

const from = createRequire(process.cwd() + "/");
const { createOpenAI } = from("@ai-sdk/openai");
const { embedMany, generateObject, generateText, streamText, tool } = from("ai");
const { z } = from("zod");

const openai = createOpenAI({ apiKey: KEY, baseURL: BASE });
const shape = z.object({ city: z.string(), days: z.number().int() });
const tools = Object.fromEntries(NAMES.map((name) => [name, tool({ description: name, inputSchema: shape })]));
const prompt = ASK[1].content;
const instructions = ASK[0].content;
const seen = ({ text, toolCalls, finishReason, usage, warnings }) => ({ text, toolCalls, finishReason, usage, warnings });
const looking = (image) => [{ role: "user", content: [{ type: "text", text: "What is it?" }, { type: "image", image }] }];
const tell = async (how) => seen(await generateText({ maxRetries: 2, instructions, ...how }));

async function parts(how) {
  const result = streamText({ maxRetries: 2, instructions, onError: () => {}, ...how });
  const found = await all(result.fullStream);
  for (const part of found) {
    delete part.response?.timestamp;
    delete part.response?.headers;
    delete part.request;
    delete part.performance;
    if (part.error) part.error = { name: part.error.name, message: part.error.message, status: part.error.statusCode };
  }
  return found.filter((part) => part.type !== "raw");
}

const scenarios = {};
for (const [surface, model] of [["chat", (id) => openai.chat(id)], ["responses", (id) => openai(id)]]) {
  Object.assign(scenarios, {
    [`${surface} plain`]: () => tell({ model: model(MODEL), prompt }),
    [`${surface} stream`]: () => parts({ model: model(MODEL), prompt }),
    [`${surface} tools`]: () => tell({ model: model(MODEL), prompt, tools }),
    [`${surface} tools streamed`]: () => parts({ model: model(MODEL), prompt, tools }),
    [`${surface} structured output`]: async () =>
      (await generateObject({ model: model(MODEL), prompt, schema: shape })).object,
    [`${surface} image`]: () => tell({ model: model(MODEL), messages: looking(IMAGE) }),
    [`${surface} large body`]: () => tell({ model: model(MODEL), messages: looking(BIG) }),
    [`${surface} error 400`]: () => tell({ model: model(failing("400")), prompt }),
    [`${surface} error 429`]: () => tell({ model: model(failing("429")), prompt, maxRetries: 0 }),
    [`${surface} error 500`]: () => tell({ model: model(failing("500")), prompt, maxRetries: 0 }),
    [`${surface} retried`]: () => tell({ model: model(failing("twice-429")), prompt }),
  });
}
scenarios["error in stream"] = () => parts({ model: openai.chat(failing("error-event")), prompt });
scenarios.embeddings = async () =>
  (await embedMany({ model: openai.embedding("text-embedding-3-small"), values: ["a", "b"] })).embeddings;
scenarios.cancelled = async () => {
  const stopping = new AbortController();
  const result = streamText({
    model: openai.chat(failing("hung")), prompt, abortSignal: stopping.signal, onError: () => {}, onAbort: () => {},
  });
  for await (const piece of result.textStream) {
    stopping.abort();
    return piece;
  }
};
await run(scenarios);
