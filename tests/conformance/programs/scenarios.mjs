// What the Node programs share: what is asked, and how what came is told. See scenarios.py.
export const BASE = process.argv[2];
export const KEY = "sk-conformance-0123456789";
export const MODEL = "gpt-4o";
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};
export const NAMES = ["forecast", "history"];
export const ASK = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Grüße aus Köln" },
];
export const IMAGE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
export const BIG = "data:image/png;base64," + "QUJD".repeat(375000);
export const failing = (name) => `${MODEL}-fault-${name}`;
export const looking = (image) => [
  { role: "user", content: [{ type: "text", text: "What is it?" }, { type: "image_url", image_url: { url: image } }] },
];

export async function all(stream) {
  const found = [];
  for await (const one of stream) found.push(one);
  return found;
}

function told(error) {
  const status = error.status ?? error.statusCode ?? error.lastError?.statusCode ?? null;
  const body = error.error ?? error.responseBody ?? error.lastError?.responseBody ?? null;
  return { error: error.constructor.name, status, message: String(error.message).replaceAll(BASE, "BASE"), body };
}

export async function run(scenarios) {
  for (const [name, scenario] of Object.entries(scenarios)) {
    let saw;
    try {
      saw = await scenario();
    } catch (error) {
      saw = told(error);
    }
    process.stdout.write(JSON.stringify({ scenario: name, saw: saw ?? null }) + "\n");
  }
  process.exit(0);
}
